# ما يضبطه الزائر (src/page/controls.rs, src/page/compression_controls.rs, src/page/layer_grid.rs)، وما تخبر به الصفحة عن عملها
# (src/page/status.rs).

# المُدخل (src/page/controls.rs).
controls-ask = لنسأل النموذج
controls-examples = أمثلة للمُدخل
controls-example-capital = عاصمة
controls-example-choice = اختيار
controls-example-opposite = عكس كلمة
controls-example-story = حكاية
controls-example-sums = حساب
controls-chat = بصيغة محادثة
controls-no-template = ليس لهذا النموذج قالب محادثة: يجب إلغاء «بصيغة محادثة».
controls-model = النموذج: ⁨{ $name }⁩
controls-sampling = السحب العشوائي
controls-seed = البذرة العشوائية
controls-temperature = درجة الحرارة (0: الأرجح دائمًا)
controls-tokens = عدد الرموز التي تُكتب
controls-top-k = Top-k (0: الكل)
controls-top-p = Top-p

# حذف الأوزان وتقريبها (src/page/compression_controls.rs).
compression-title = حذف الأوزان وتقريبها
compression-remove = حذف أوزان
compression-remove-method = طريقة اختيار الأوزان التي تُحذف
compression-round = تقريب الأوزان
compression-round-method = طريقة تقريب الأوزان
compression-none = بلا
compression-magnitude = الأصغر مقدارًا
compression-nearest = إلى أقرب قيمة
compression-pattern = أي نسبة من الأوزان
compression-ratio = نسبة
compression-percent = نسبة الأوزان التي تُحذف، بالمئة
compression-uneven = متفاوتة بين الطبقات (OWL)
compression-uneven-hint = الطبقات التي تكثر فيها القيم الشاذة تحتفظ بأوزان أكثر؛ والنسبة هي المتوسط على الطبقات
compression-bits = { $count ->
    [two] بتّان
    [many] { $count } بتًا
   *[few] { $count } بتات
 }
compression-bits-label = عدد بتات الوزن الواحد
compression-group = مجموعة من { $size }
compression-group-label = أوزان لها مقياس واحد
compression-in = في
compression-matrices = أي المصفوفات
compression-matrices-all = الانتباه وMLP
compression-matrices-attention = الانتباه
compression-matrices-mlp = MLP
compression-layers = الطبقات من { $first } إلى { $last }
compression-first = أول طبقة
compression-last = آخر طبقة
compression-text = نص المعايرة
compression-text-built-in = نص المعايرة: النص المرفق
compression-text-own = نص المعايرة: نص خاص
compression-text-hint = تختار Wanda وSparseGPT وOWL وAWQ وGPTQ بحسب ما يفعله النموذج الكامل بهذا النص. إذا تُرك الحقل فارغًا استُعمل النص المرفق، وفيه نحو 2,100 رمز. يُقرأ 4,096 رمزًا على الأكثر. والرابط لا يحمل النص الخاص.
compression-text-placeholder = هنا يُلصق نص يشبه ما سيقرؤه النموذج
compression-text-use = استعمال هذا النص

# مفاتيح الطبقات (src/page/layer_grid.rs).
grid-title = إيقاف الطبقات
grid-keys = الطبقات: مفاتيح الأسهم للتنقل، ومفتاح المسافة للتبديل، وShift مع سهم للتبديل أثناء التنقل
grid-hint = بالنقر أو بالسحب. الرقم هو الطبقة كلها، وA الانتباه فيها، وM جزء MLP فيها؛ وكلما قوي اللون زاد ما يفعله الجزء.
grid-hint-effect = بالنقر أو بالسحب. الرقم هو الطبقة كلها، وA الانتباه فيها، وM جزء MLP فيها؛ وكلما قوي اللون زاد ما يغيّره الإيقاف هنا في الكلمة التالية.
grid-attention = الانتباه { $layer }
grid-layer = الطبقة { $layer }
grid-mlp = MLP { $layer }
# «مفتاح» takes the gender, whatever the switch's name.
grid-state = { $is ->
    [off] مفتاح { $switch }: موقوف
   *[on] مفتاح { $switch }: مشغَّل
 }
grid-state-least = { $is ->
    [off] مفتاح { $switch }: موقوف، الأهمية ⁨{ $importance }⁩، وهي الأدنى
   *[on] مفتاح { $switch }: مشغَّل، الأهمية ⁨{ $importance }⁩، وهي الأدنى
 }
grid-state-ranked = { $is ->
    [off] مفتاح { $switch }: موقوف، الأهمية ⁨{ $importance }⁩، وترتيبها { $rank } من الأدنى
   *[on] مفتاح { $switch }: مشغَّل، الأهمية ⁨{ $importance }⁩، وترتيبها { $rank } من الأدنى
 }
grid-effect = { $to ->
    [off] عند إيقافه هنا: ⁨cos p { $cos }⁩، KL(الكامل ‖ المقلَّم) ⁨{ $kl } nat⁩
   *[on] عند تشغيله هنا: ⁨cos p { $cos }⁩، KL(الكامل ‖ المقلَّم) ⁨{ $kl } nat⁩
 }
grid-shade-effect = التلوين بحسب أثر الإيقاف في هذا المُدخل (قيس { $measured } من { $all })
grid-importance = الأهمية
grid-importance-normed = بعد التطبيع: ⁨N(x)⁩ مع ⁨f(N(x))⁩
grid-importance-residual = قبل التطبيع: ⁨x⁩ مع ⁨x + f(x)⁩
grid-save = حفظ ملف الخطة
grid-save-hint = ملف JSON فيه drop_attn_list وdrop_mlp_list؛ ولاستعمال مثله يُسحب إلى أي موضع من الصفحة
grid-drop-least = حذف الأقل أهمية
grid-drop-attention = الانتباه
grid-drop-blocks = طبقات كاملة
grid-drop-mlp = MLP

# ما تخبر به الصفحة (src/page/status.rs).
status-dismiss = إخفاء هذا الإشعار
status-dismiss-rest = إخفاء هذه الإشعارات
status-trace-question = يعرض هذا الرابط تشغيلًا مُسجَّلًا من ⁨{ $host }⁩، وعندئذ يعرف هذا المضيف أن الرابط قد فُتح.
status-trace-show = عرضه
status-trace-without = المتابعة من دونه
status-not-recorded = هذا غير مُسجَّل: يمكن تحميل النموذج لحسابه.
status-not-recorded-yet = هذا غير مُسجَّل: سيُحسب فور تحميل النموذج.
status-recorded = هذا تشغيل مُسجَّل. وما ليس فيه يحتاج إلى النموذج.
status-load-model = تحميل النموذج
status-resting = المحرّك عند رسم آخر الآن، فهذا الرسم غير مكتمل.
status-waiting = شكل آخر يُحسب الآن، ويليه هذا. المسه ليتقدّم.
status-stopped = توقف التشغيل: ما يظهر هنا غير مكتمل.
status-go-on = متابعة
status-looking = جارٍ تحديد حجم النموذج…
status-starting = جارٍ تشغيل المحرّك…
status-starting-part = جارٍ تشغيل المحرّك، { $had } من ⁨{ $all } MB⁩
status-loading = جارٍ تحميل ⁨{ $file }⁩، { $had } من ⁨{ $all } MB⁩
status-loading-pace = جارٍ تحميل ⁨{ $file }⁩، { $had } من ⁨{ $all } MB⁩، ⁨{ $speed } MB/s⁩، بقي ⁨{ $left }⁩
status-pause = إيقاف مؤقت
status-try-again = إعادة المحاولة
status-reload = إعادة تحميل الصفحة
status-use-cpu = استعمال CPU
status-use-default = استعمال النموذج الافتراضي
status-use-eight-bits = تحميله في 8 بتات
status-use-one = من دون النموذج الثاني
status-chose-cpu = اختيار CPU جاء من الزائر.
status-working = ⁨{ $what }⁩، { $done } من { $total }
status-model = ⁨{ $name }⁩: { $layers ->
    [one] طبقة واحدة
    [two] طبقتان
    [few] { $layers } طبقات
   *[other] { $layers } طبقة
 }، مخزَّن بصيغة ⁨{ $stored }⁩. «الكامل» يعني هذه الأوزان المخزَّنة بعد فك ترميزها.
status-other-model = بدل النموذج المقلَّم: ⁨{ $name }⁩، مخزَّن بصيغة ⁨{ $stored }⁩.
status-default-model = { $model } من Hugging Face، بترخيص Apache-2.0 ({ $licence }).
status-licence = الترخيص
status-attached = تنتقل النصوص والنتائج بين هذه الصفحة والمحرّك على { $address }، وهو الذي يحسب.
status-cpu = CPU مع SIMD
status-device-check = يتفق GPU هنا مع CPU على { $tokens ->
    [one] رمز واحد
    [two] رمزين
    [few] { $tokens } رموز
    [many] { $tokens } رمزًا
   *[other] { $tokens } رمز
 } (أكبر خطأ نسبي ⁨{ $error }⁩، ⁨KL { $kl }⁩). يستغرق الرمز الواحد عليه نحو ⁨{ $gpu }⁩، وعلى خيط واحد من CPU نحو ⁨{ $cpu }⁩.
status-threads = عدد الخيوط: { $count }.
status-memory = ذروة ذاكرة المحرّك: ⁨{ $memory } MB⁩.
status-version = ⁨Prunescope { $version }⁩، استنادًا إلى { $paper }.
