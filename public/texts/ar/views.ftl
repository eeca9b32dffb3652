# العروض تحت الشاشة الأولى ورسومها (src/page/views, src/page/chart_view.rs).

# أسماء العروض.
views-layers = طبقةً طبقة
views-steps = رمزًا رمزًا
views-theorems = المبرهنات
views-tokens = أرجح الرموز
views-choice = الاختيار من متعدد
views-retrieval = الاسترجاع
views-compare = المقارنة
views-sweep = المسح والنصيحة
views-search = البحث
views-weights = الأوزان
views-charts = الرسوم
views-menu = العرض
views-temperature = درجة حرارة التحليل
views-as-decoding = كما في السحب العشوائي
views-go-on = متابعة
views-show-again = إظهار من جديد
views-progress = { $things ->
    [plans] الخطط: { $done } من { $total }
   *[points] النقاط: { $done } من { $total }
    }
views-progress-left = { $things ->
    [plans] الخطط: { $done } من { $total }، بقي نحو ⁨{ $left }⁩
   *[points] النقاط: { $done } من { $total }، بقي نحو ⁨{ $left }⁩
    }

# أي رسم.
chart-computing = جارٍ الحساب…
chart-not-recorded = غير مُسجَّل: سيُحسب بعد تحميل النموذج.
chart-no-model = لم يُحمَّل أي نموذج.
chart-not-computed = لم يُحسب: السبب مذكور في الأعلى.
chart-not-finite = بعض الأعداد غير منتهية (NaN أو لانهاية)، فلا دلالة لهذه.
chart-canvas = رسم: ⁨{ $title }⁩. تُقرأ قيمه بمفاتيح الأسهم؛ ويليه جدول.
chart-table = الأعداد في جدول
chart-as-table = ⁨{ $title }⁩، في جدول
chart-save = حفظ: ⁨{ $title }⁩

# طبقةً طبقة.
layers-lead = لو قُلِّمت هذه الطبقة الفرعية وحدها، فإلى أي حد يبقى النموذج الكامل في ذلك الموضع شبيهًا بما كان؟ لا تكاد اللوجيتات تشعر بذلك، أما الاحتمالات فتشعر به.
layers-lines = الخطوط: المتوسط على { $count ->
    [one] رمز مكتوب واحد
    [two] رمزين مكتوبين
    [few] { $count } رموز مكتوبة
    [many] { $count } رمزًا مكتوبًا
   *[other] { $count } رمز مكتوب
    }؛ والأشرطة: من الأدنى إلى الأعلى.
layers-drop = حذف الطبقة الفرعية بدل تقليم أوزانها كما تفعل الخطة
layers-with-norm = مع التطبيع الأخير قبل رأس النموذج («logit lens»)؛ وبرنامج الورقة البحثية لا يطبّقه
layers-attention = طبقة انتباه فرعية واحدة
layers-mlp = طبقة MLP فرعية واحدة
layers-waiting = لا تعدّل الخطة مصفوفات كهذه، أو أن حسابها جارٍ الآن.

# رمزًا رمزًا.
steps-lead = الخطوط المتصلة: يقرأ كل نموذج نصه هو، فتعود إليه أخطاؤه. والخطوط المتقطعة: يقرأ النموذجان نص النموذج الكامل. والمساحة بين الخطين هي ما تضيفه التغذية الراجعة. وللنموذج المُصلَح خطوط بلون خاص. وفوقها خطط «المقارنة» بأسمائها (وفي الرسم الأول h لكل منها). ويُظهر الرسم الأخير { $surprise } النموذج الكامل عند كل كلمة.
steps-surprise = مفاجأة
steps-hidden-logits = الحالة الخفية واللوجيتات
steps-probabilities = الاحتمالات
steps-kl = قيمة KL(الكامل ‖ المقلَّم)
steps-collapse = انهيار النص

# المبرهنات.
theorems-lead = إلى أي حد تصدق هنا تقديرات الورقة البحثية؟ الخط المتصل: القيمة المقيسة. والخط المتقطع: التقدير من الرتبة الثانية، المحسوب من Δz. ينطبق الخطان ما دام Δz صغيرًا؛ وحيث يفترقان بأكثر من النصف يُظلَّل الموضع.
theorems-along = على امتداد
theorems-along-dense = نص النموذج الكامل، الذي يقرؤه النموذجان
theorems-along-own = النص الذي يكتبه كل نموذج
theorems-along-attention = الطبقات: كل طبقة انتباه فرعية وحدها
theorems-along-mlp = الطبقات: كل طبقة MLP فرعية وحدها
theorems-divergence = المبرهنة 3: ⁨KL ≈ Var_p(Δz) / 2T²⁩
theorems-probabilities = المبرهنة 2: ⁨1 − cos p ≈ Var_r(Δz) / 2T²⁩
theorems-logits = المبرهنة 1 في اللوجيتات
theorems-hidden = المبرهنة 1 في الحالات الخفية
theorems-parts = الجزء الموازي والجزء المتعامد
theorems-damage = الرموز التي يأتي الضرر من Δz فيها عند الرمز المختار

# أرجح الرموز.
tokens-lead = الرموز التي يراها أحد النماذج هي الأرجح عند الرمز { $token }، والاحتمال الذي يعطيها إياه كل نموذج. وشريط التمرير في الأعلى يختار الرمز.
tokens-next = الرمز التالي في كل نموذج
tokens-logits = ما فعله التقليم بلوجيتات هذه الرموز
tokens-parts = ما فعله التقليم باللوجيتات

# الاختيار من متعدد.
choice-lead = أما زال النموذج المقلَّم يختار الجواب الصحيح؟ تكفيه خطوة واحدة، ولا يعود فيقرأ شيئًا مما كتب: من الرموز كلها لا تُحسب إلا الخيارات.
choice-all = كل الأسئلة
choice-scoring = طريقة التقييم
choice-by-cloze = الإكمال (cloze): نص الخيار الأرجح
choice-by-letter = الحرف: الحرف الأرجح
choice-own = أسئلة خاصة (بصيغة JSON Lines وفيها ⁨question⁩ و⁨choices⁩ و⁨answer⁩)
choice-built-in = الأسئلة المرفقة
# جدول النتائج.
choice-scores = النتائج بحسب الموضوع
choice-topic = الموضوع
choice-dense-right = صواب الكامل
choice-pruned-right = صواب المقلَّم
choice-repaired-right = صواب المُصلَح
choice-same = الاختيار نفسه
choice-part = { $right } من { $of }
choice-one = سؤال واحد
choice-question = السؤال
choice-previous = السابق
choice-next = التالي
# جدول الأجوبة عن سؤال واحد.
choice-answers = ما يجيب به النموذجان
choice-scored = طريقة التقييم
choice-dense-answers = جواب الكامل
choice-pruned-answers = جواب المقلَّم
choice-repaired-answers = جواب المُصلَح
choice-cloze = الإكمال (cloze)
choice-letter = الحرف
choice-answer = { $mark ->
    [right] ⁨{ $choice }⁩ (صحيح، الفارق { $margin })
   *[wrong] ⁨{ $choice }⁩ (خطأ، الفارق { $margin })
    }
choice-vocabulary = المفردات كلها، حيث يأتي الحرف
choice-options = الخيارات وحدها

# الاسترجاع.
retrieval-lead = تصبح المقاطع والأسئلة متجهات من الحالات الخفية الأخيرة، بعد طرح متوسط المقاطع كلها، ثم تُرتَّب بحسب جيب التمام. لا شيء يمر عبر softmax، ولا شيء يعود فيقرؤه النموذج.
retrieval-size = عدد المقاطع { $passages }، وعدد الأسئلة { $queries }، ولكل سؤال مقطع واحد يجيب عنه.
retrieval-own = مجموعة خاصة (بصيغة JSON Lines: ⁨id⁩ و⁨passage⁩، أو ⁨query⁩ و⁨answer⁩)
retrieval-built-in = المجموعة المرفقة
retrieval-mean = مرتبة المقطع الصحيح، متوسط الرموز
retrieval-last = مرتبة المقطع الصحيح، آخر رمز

# المقارنة.
compare-lead = تجيب أربع خطط على الأكثر عن السؤال نفسه؛ والخطوط كلها مقارنة بالنموذج الكامل. والخطط يحملها الرابط.
compare-add = إضافة الخطة الحالية
compare-methods = ⁨Drop-8A⁩، 4 بتات، 50%، ⁨4:8⁩
compare-drops = ⁨Drop-4A⁩، ⁨8A⁩، ⁨4M⁩، ⁨8M⁩
compare-waiting = يُرجى إضافة خطة للمقارنة.
compare-more = المزيد: على نص النموذج الكامل، وتقديرات المبرهنات، ومقدار دوران المتجهات
compare-name = اسم الخطة
compare-edit = تعديل
compare-remove = إزالة هذه الخطة
compare-texts = السؤال نفسه، وجواب كل خطة
# جدول النصوص.
compare-answers = ما تكتبه كل خطة
compare-plan = الخطة
compare-writes = النص
compare-cosine = ⁨cos p⁩، الرمز الأول
compare-kl = KL، الرمز الأول
compare-saved = الذاكرة الموفَّرة
compare-dense = الكامل

# المسح والنصيحة.
sweep-lead = كيف تهبط نتائج المهام كلما زاد ما يُحذف؟ عند كل نقطة تُطرح على النموذج المقلَّم عيّنة من أسئلة الاختيار من متعدد وأسئلة الاسترجاع ومُدخلات لها أجوبة محددة. يستغرق هذا دقائق؛ تظهر النقاط واحدة بعد أخرى، وإذا أُوقف المسح تابع بعد ذلك من حيث توقف.
sweep-vary = ما يتغير
sweep-by-layers = الطبقات الفرعية والطبقات الكاملة المحذوفة
sweep-by-sparsity = نسبة الأوزان المحذوفة: الأصغر مقدارًا وWanda
sweep-by-bits = عدد البتات: إلى أقرب قيمة وAWQ وGPTQ
sweep-sample = عدد المهام من كل مجموعة (0: الكل)
sweep-start = بدء المسح
sweep-waiting = يُرجى الضغط على «بدء المسح».
sweep-choice = الاختيار من متعدد (خطوة واحدة)
sweep-retrieval = الاسترجاع (يقرأ h)
sweep-generation = التوليد (بتغذية راجعة)
sweep-verdicts = لأي شيء تصلح الخطة الحالية؟
sweep-judge = الحكم على «⁨{ $plan }⁩»
sweep-judge-hint = يؤدي النموذج الكامل والمقلَّم، والمُصلَح إن وُجد، العيّنة نفسها من كل مجموعة؛ أما الحساب والتركيب فلا يُسأل عنهما إلا هنا، لا في المسح.
sweep-verdict = { $purpose }: { $verdict }
sweep-next = ما العمل بعد ذلك
sweep-written = مُدخلات لها أجوبة محددة، وما كتبته النماذج
sweep-written-hint = تسبق مُدخلات الحساب والتركيب أمثلة محلولة، والنماذج تكمل السطر.
# جدول هذه المُدخلات.
sweep-exact = الأجوبة المحددة
sweep-prompt = المُدخل
sweep-dense = الكامل
sweep-pruned = المقلَّم
sweep-repaired = المُصلَح
sweep-judged = الخطط التي حُكم عليها حتى الآن
sweep-judged-hint = عدد المهام التي أصاب فيها النموذج الكامل والمقلَّم والمُصلَح. الذاكرة: المصفوفات التي لا تمسها الخطة تُحسب كما يخزّنها الملف، والأوزان التي تبقى ولا تُقرَّب تُحسب بالدقة النصفية.
sweep-judged-save = حفظ: الخطط التي حُكم عليها حتى الآن
# بُعد النماذج عن النموذج الكامل على نص.
fidelity-start = المقارنة على نص
fidelity-hint = كم يبعد النموذج المقلَّم، والمُصلَح إن وُجد، عن النموذج الكامل عند كل كلمة من نص، أيًّا كان المُدخل.
fidelity-table = البُعد عن النموذج الكامل
texts-start = المقارنة على ستة أنواع من النصوص
# الشيء نفسه حين تُقرأ نصوص الزائر.
texts-start-own = المقارنة على { $count ->
    [one] { $name }
   *[other] نصوصك (عددها { $count })
 }
texts-hint = ما يُذكر عادةً عند التكميم، على نثر وحوار وشيفرة وقوائم وأعداد وألمانية. يستغرق دقيقة أو دقيقتين؛ وتمتلئ الجداول أثناء القراءة.
texts-own = نصوصك (‎.txt)
texts-not-fetched = تعذّر تنزيل النصوص ({ $why }): تحقّق من الاتصال بالشبكة وحاول مرة أخرى.
texts-built-in = النصوص المضمَّنة من جديد
texts-table = البُعد عن النموذج الكامل بحسب نوع النص
texts-plans = الخطط التي قورنت حتى الآن
texts-plans-hint = ★: لا توجد هنا خطة أخرى بهذا الصغر وهذا القرب من النموذج الكامل معًا. اضغط على خطة لتجربتها.
speed-start = قِس ما يوفّره ذلك
speed-hint = بأي سرعة يقرأ ويكتب كلٌّ من النموذج الكامل والمقلَّم والمُصلَح وحده على هذا الجهاز، وكم يشغل. يستغرق نحو عشر ثوانٍ.
speed-table = السرعة والذاكرة

# البحث.
search-lead = أي الطبقات الفرعية يمكن الاستغناء عنها؟ تُرتَّب بحسب الأهمية مرة واحدة، أو في قائمة مشتركة، أو من جديد بعد كل حذف، أو تُحذف قطعة متصلة من الطبقات الكاملة، أو يمضي بحث جشع بحسب ما يفعله كل حذف بالاحتمالات على نص المعايرة؛ وهذا الأخير يجري أيضًا مع مراعاة الإصلاح. ثم تُقارَن كل خطة بالنموذج الكامل على نص لم يره البحث ولا الإصلاح. يستغرق هذا دقائق؛ تظهر الخطط واحدة بعد أخرى، وإذا أُوقف البحث تابع بعد ذلك من حيث توقف.
# في سطر واحد: هذه الكلمات، ثم قائمة من ثلاثة، ثم الكلمات التالية وحقل لعدد.
search-drop = الحذف من
search-among-both = الانتباه وMLP
search-among-attention = الانتباه
search-among-mlp = MLP
search-budget = عدد الطبقات الفرعية على الأكثر
search-start = بدء البحث
search-waiting = يُرجى الضغط على «بدء البحث».
search-distance = البُعد عن النموذج الكامل
search-plans = الخطط، وعند كل عدد الأقرب أولًا
search-hint = كل قيمة KL، بوحدة nat، رابط يضبط خطتها. أما زر «حكم» فيقيس ما تصلح له الخطة، مع الإصلاح ومن دونه، في «المسح والنصيحة».
# جدول الخطط.
search-found = الخطط التي وجدها البحث
search-method = طريقة البحث
search-dropped = المحذوف
search-plan = الخطة
search-kl = KL
search-kl-repaired = KL بعد الإصلاح
search-scores = النتائج
search-judge = حكم
search-set = ⁨KL { $kl }⁩: ضبط الخطة ⁨{ $plan }⁩

# الأوزان.
weights-waiting = يُرجى اختيار طريقة تحت «حذف أوزان» أو «تقريب الأوزان» في الأعلى.
weights-none = لم يُعدَّل شيء، فلا جدول هنا.
weights-zeros = الأصفار في كل مصفوفة
weights-layer = الطبقة
weights-change = التغير النسبي { $change }؛ تظهر الصورة بالنقر
weights-corner = زاوية من مصفوفة
