# الصفحة كلها: المحرّك والملفات والروابط والتشغيلات المُسجَّلة والحكاية والمشاركة (src/page/*.rs beside the areas of its own, src/*.rs).

page-ask = المُدخل والإعدادات

# التحميل والتشغيل، وما يتعذّر منهما (src/page/controller.rs).

controller-no-model = لم يُحمَّل أي نموذج، فلا يغيّر هذا أي عدد بعد: السبب مذكور في الأعلى.
controller-loading-stopped = توقف التحميل. وزر «إعادة المحاولة» يتابعه من حيث توقف.
controller-did-not-stop = لم يتوقف المحرّك خلال { $seconds ->
    [one] ثانية واحدة
    [two] ثانيتين
    [few] { $seconds } ثوانٍ
   *[other] { $seconds } ثانية
 }، فأُنهي. يُرجى تغيير ما كان يحسبه، أو اختيار نموذج آخر، ثم الضغط على «إعادة المحاولة».
controller-went-on-with-cpu = تابع Prunescope العمل على CPU.
controller-gpu-failed = تعطّل GPU في هذه الزيارة.
controller-advice = يُرجى الضغط على «إعادة المحاولة»؛ وإذا حدث ذلك من جديد فيمكن اختيار نموذج آخر أو جهاز حساب آخر تحت «النموذج».
# client-ended and client-unreadable must contain these words.
controller-again = من جديد
# All messages that name the field «النموذج» do it with these words.
controller-under-model = تحت «النموذج»
controller-no-model-in-frame = لا يظهر «النموذج» في هذا الإطار: يُرجى لذلك فتحه في علامة تبويب.
controller-no-template = ليس لهذا النموذج قالب محادثة، فيُقرأ المُدخل نصًّا عاديًّا.
controller-template-off = أُلغي القالب الآن، فيُقرأ المُدخل نصًّا عاديًّا.

# العامل (worker) الذي يشغّل المحرّك (src/page/client.rs). بلا نقطة في آخرها، فالصفحة تضيفها.

client-unreadable = خطأ في Prunescope نفسه: لا تستطيع الصفحة قراءة ما يقوله محرّكها (⁨{ $why }⁩)؛ يُرجى إعادة تحميل الصفحة، والإبلاغ عن الخطأ إذا ظهر من جديد
client-refused = المتصفح، أو سياسة المضيف نفسه، يمنع العامل (worker) الذي يعمل فيه
client-ended = { $what }: يُرجى الضغط على «إعادة المحاولة»؛ وإذا توقف من جديد فيمكن اختيار نموذج أصغر أو نموذج آخر تحت «النموذج»، أو تقريب أوزانه هناك إلى 8 بتات
client-silent = لم يعد المحرّك يجيب؛ ربما أنهاه المتصفح
client-stopped = توقف المحرّك (⁨{ $why }⁩)
client-stopped-nested = توقف المحرّك (⁨{ $why }⁩)، لأن في ملفات النموذج أو في المُدخل شيئًا متداخلًا إلى عمق كبير
client-stopped-memory = توقف المحرّك (⁨{ $why }⁩)؛ والأرجح أن الذاكرة لم تكفِه

# لماذا لا يبدأ المحرّك (src/engine_start.rs, src/page/engine_files.rs): بلا نقطة مثل تلك.

engine-missing = تعذّر تشغيل المحرّك: الملف ⁨{ $file }⁩ ليس على المضيف؛ يُرجى المحاولة من جديد بعد دقائق، أو إعادة تحميل الصفحة
engine-refused = تعذّر تشغيل المحرّك: أجاب المضيف عن طلب ⁨{ $file }⁩ بالحالة { $status }؛ يُرجى المحاولة من جديد بعد قليل
engine-cut = تعذّر تشغيل المحرّك: لم يصل ⁨{ $file }⁩ كاملًا؛ يُرجى التحقق من اتصال الشبكة والمحاولة من جديد
engine-broken = تعذّر تشغيل المحرّك (⁨{ $why }⁩): يُرجى إعادة تحميل الصفحة، وإن لم ينفع ذلك فيُرجى استعمال متصفح حديث
engine-no-folder = لا تذكر الصفحة أين يقع
engine-silent = لم يصل شيء من المحرّك منذ { $seconds ->
    [one] ثانية واحدة
    [two] ثانيتين
    [few] { $seconds } ثوانٍ
   *[other] { $seconds } ثانية
 }: يُرجى التحقق من اتصال الشبكة والمحاولة من جديد، أو الانتظار؛ وإذا بدأ بعد ذلك تابعت الصفحة عملها
engine-updated = حُدِّث Prunescope بعد فتح علامة التبويب هذه، ولم يعد محرّك هذا الإصدار على المضيف: يُرجى إعادة تحميل الصفحة للمتابعة (العنوان يحمل كل الإعدادات)

# محرّك خارج المتصفح يسمّيه الرابط بـ engine= (src/attached_engine.rs, src/page/client.rs). الثلاث الأولى أجزاء جمل كما سبق.
attached-unreachable = لا يجيب أي محرّك على { $address }، أو أنه يرفض هذه الصفحة (وسبب ذلك في طرفيّته): شغّله بالأمر ⁨prunescope serve⁩ وحاول مرة أخرى، أو افتح الصفحة من دون ⁨engine=⁩
attached-detach = احسب في هذا المتصفح
attached-lost = انقطع الاتصال بالمحرّك على { $address }: شغّله من جديد ثم اضغط «حاول مرة أخرى»
attached-unreadable = يقول المحرّك ما لا تستطيع هذه الصفحة قراءته ({ $why }): استخدم محرّكًا من إصدار الصفحة نفسه
attached-no-address = المحرّك «{ $address }» في الرابط ليس عنوان محرّك مثل ⁨ws://127.0.0.1:8765/engine⁩: هذا المتصفح هو الذي يحسب.
attached-elsewhere = يسمّي الرابط محرّكًا على { $host }، وهو ليس هذا الجهاز ولا مضيف الصفحة، وقد يقرأ ما تكتبه: لن يُستخدم، وهذا المتصفح هو الذي يحسب.

# قائمة الإشعارات (src/notices.rs).
notices-rest = { $count ->
    [one] وهناك إشعار آخر لا يظهر.
    [two] وهناك إشعاران آخران لا يظهران.
    [few] وهناك { $count } إشعارات أخرى لا تظهر.
    [many] وهناك { $count } إشعارًا آخر لا يظهر.
   *[other] وهناك { $count } إشعار آخر لا يظهر.
 }

# التشغيلات المُسجَّلة (src/page/recorded.rs).

recorded-not-shown = لا يُعرض التسجيل ⁨{ $name }⁩: ⁨{ $why }⁩. تتابع الصفحة من دونه.
recorded-not-written = لا يمكن كتابة التسجيل: ⁨{ $why }⁩.
# الأسباب: تسجيل أو نص آخر من الموقع.
recorded-not-fetched = تعذّر جلبه؛ يُرجى التحقق من العنوان والشبكة
recorded-status = أجاب مضيفه بالحالة { $status }
recorded-too-large = حجمه أكبر من ⁨{ $megabytes } MB⁩
recorded-no-text = ليس نصًّا
recorded-unreadable = تعذّرت قراءته
recorded-elsewhere = { $why }؛ وعلى مضيفه أن يسمح لصفحات أخرى بقراءته (الترويسة ⁨Access-Control-Allow-Origin⁩)

# ملفات تُسحب إلى الصفحة أو تُختار (src/given_files.rs, src/page/given_files.rs).

files-another-plan = ⁨{ $file }⁩ خطة أخرى: تُستعمل خطة واحدة فقط، فلتُختر كل خطة وحدها.
files-another-run = ⁨{ $file }⁩ تشغيل مُسجَّل آخر: يُعرض واحد فقط، فليُختر كل تشغيل وحده.
files-left-alone = لا حاجة إليها مع الأوزان، فتُركت: ⁨{ $files }⁩.
files-model-stays = يبقى النموذج كما هو.
files-no-weights = ⁨{ $file }⁩ يصف نموذجًا، لكن أوزانه ليست بين الملفات: يجب اختياره مع ملفات ⁨.safetensors⁩.
files-empty = ⁨{ $file }⁩ فارغ.
files-unknown = ⁨{ $file }⁩ ملف لا تستطيع هذه الصفحة قراءته: المطلوب ملف ⁨.gguf⁩ أو ⁨.safetensors⁩، أو مجموعة بصيغة JSON Lines.
files-zip = ⁨{ $file }⁩ أرشيف zip أو ملف بصيغة PyTorch الخاصة: المطلوب ملف النموذج ⁨.safetensors⁩ أو ⁨.gguf⁩.
files-pickle = ⁨{ $file }⁩ ملف pickle من Python، وقد تكون فيه برامج: المطلوب ملف النموذج ⁨.safetensors⁩ أو ⁨.gguf⁩.
files-gzip = ⁨{ $file }⁩ مضغوط بصيغة gzip: يجب فك ضغطه أولًا.
files-zstd = ⁨{ $file }⁩ مضغوط بصيغة zstd: يجب فك ضغطه أولًا.
files-parquet = ⁨{ $file }⁩ ملف Parquet: يجب حفظ صفوفه بصيغة JSON Lines أولًا.
files-before-gguf = ⁨{ $file }⁩ بالصيغة التي سبقت GGUF: يجب تحويله ببرنامج llama.cpp أولًا.
files-pdf = ⁨{ $file }⁩ ملف PDF.
files-json-list = ⁨{ $file }⁩ قائمة JSON: في المجموعة كائن JSON واحد في كل سطر.
files-json = ⁨{ $file }⁩ ملف JSON، لكن لا أسئلة فيه ولا مقاطع: يحتاج كل سطر إلى المفاتيح التي تذكرها الأقسام.
files-web-page = ⁨{ $file }⁩ صفحة ويب، لا الملف الذي قد تتحدث عنه: المطلوب تنزيل ذلك الملف نفسه.
files-text = ⁨{ $file }⁩ نص: لاستعماله في المعايرة يُسحب إلى الحقل «نص المعايرة».
files-no-queries = في ⁨{ $file }⁩ مقاطع، لكن لا أسئلة فيه مع معرّفات (id) أجوبتها: يجب أن يكونا في ملف واحد.
files-results = في ⁨{ $file }⁩ نتائج حفظتها هذه الصفحة: لرؤيتها من جديد يُفتح الرابط الذي جاءت منه.
files-parts = ⁨{ $file }⁩ يعدّد أجزاء نموذج: يُكتب عنوانه تحت «النموذج»، والأجزاء بجانبه.
files-plan-not-read = ⁨{ $file }⁩: ⁨{ $why }⁩. تبقى الخطة كما هي.
files-not-loaded = لم يُحمَّل ⁨{ $file }⁩ بل ⁨{ $loaded }⁩: يُسحب كل نموذج وحده.
files-not-read = تعذّرت قراءة الملف ⁨{ $file }⁩: يُرجى اختياره من جديد.
files-more-lines = ⁨{ $file }⁩: { $count ->
    [one] وأُهمل سطر آخر.
    [two] وأُهمل سطران آخران.
    [few] وأُهملت { $count } أسطر أخرى.
    [many] وأُهمل { $count } سطرًا آخر.
   *[other] وأُهمل { $count } سطر آخر.
 }
files-nothing-usable = ليس في ⁨{ $file }⁩ ما يمكن استعماله؛ ويبقى ما كان قبله.

# حفظ ملف (src/page/export.rs).
export-refused = لم يسمح هذا المتصفح للصفحة بحفظ ملف.

# عنوان يعطيه الزائر أو رابط (src/page/address.rs).
address-wrong = ⁨{ $address }⁩ ليس عنوانًا (⁨{ $why }⁩): المطلوب عنوان يبدأ بـ ⁨https:⁩.

# اللوحة التي فيها روابط لصف دراسي ورسوم لصفحات أخرى (src/page/sharing.rs).

sharing-label = مشاركة هذه الصفحة
sharing-title = لصف دراسي، أو في صفحة أخرى
sharing-close = إغلاق
sharing-hint = هنا يُختار ما يراه القرّاء، وتعرضه الصفحة فورًا؛ و«مقفل» يعني أنه يُرى ولا يُستعمل.
sharing-colours = الألوان
sharing-task = مهمة فوق الصفحة
sharing-story = البدء بالحكاية بدل هذه الإعدادات
sharing-copy-link = نسخ الرابط للصف
sharing-copy-frame = نسخ على شكل إطار (HTML)
sharing-copy-element = نسخ على شكل رسم (HTML، يكبر مع محتواه)
sharing-copy-bibtex = نسخ BibTeX
sharing-copy-markdown = نسخ بصيغة Markdown
sharing-save = حفظ الصفحة
sharing-save-hint = ما يظهر الآن مع رسوم كل العروض وأرقامها في ملف HTML واحد لا يحتاج إلى شيء آخر؛ تفتحه هذه الصفحة من جديد
sharing-see = عرض الرسم
sharing-preview = الرسم كما تعرضه صفحة أخرى

# لوحة الحكاية (src/page/story.rs).

story-label = الحكاية
story-not-read = تعذّرت قراءة نص الحكاية: ⁨{ $why }⁩. يُرجى فتح هذا الرابط من جديد.
story-other-model = الحكاية عن النموذج الافتراضي، فأعدادها ليست أعداد هذا النموذج.
story-use-default = استعمال النموذج الافتراضي
story-leave = الخروج من الحكاية
story-chapter = { $number } من { $count }: { $title }
story-back = السابق
story-next = التالي
story-finish = إنهاء

# ما وجدته الحكاية (src/story.rs): يحل كل منها محل {truth} في فصل من story.json.

# صار التشابه …
story-cosine-more = أكبر: جيب التمام ⁨{ $now }⁩ بدلًا من ⁨{ $before }⁩
story-cosine-less = أقل: جيب التمام ⁨{ $now }⁩ بدلًا من ⁨{ $before }⁩
story-choice = في { $pruned } من { $count }، مقابل { $dense } للنموذج الكامل
story-text-back = يعود النص إلى مساره
story-text-wrong = يقول النص شيئًا آخر
story-text-babble = ينهار النص
story-none-alike = لا شيء منها
story-quoted = ⁨{ $name }: «{ $text }»⁩
story-answer-back = نعم، عاد الجواب
story-answer-lost = لا، لم يعد الجواب
story-worst-switch = من دون ⁨{ $name }⁩ ينهار النص: يبتعد p فيه بمقدار ⁨{ $kl } nat⁩

# ما توقعه القارئ، بجانب ما وُجد.

story-said-close = كان التوقع ⁨{ $said }⁩: قريب جدًّا.
story-said-near = كان التوقع ⁨{ $said }⁩: ليس بعيدًا.
story-said-far = كان التوقع ⁨{ $said }⁩: بعيد.
story-said-right = كان التوقع «⁨{ $answer }⁩»: صحيح.
story-said-wrong = كان التوقع «⁨{ $answer }⁩»: غير صحيح.

# تجارب تحت عرض (src/page/experiments.rs).
experiments-title = للتجربة
experiments-all = كل التجارب
