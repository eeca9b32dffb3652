# الرسوم، وما تقوله عن المهام والمقارنات (crates/figures/src/chart, and in crates/figures/src/figure: choice.rs, compare.rs, fidelity.rs,
# judged.rs, layers.rs, repair.rs, retrieval.rs, search.rs). A name of an axis is drawn on a canvas that runs from left to right: isolates
# around it turn it.

# النماذج، في مفاتيح الرسوم والجداول.
figure-dense = الكامل
figure-pruned = المقلَّم
figure-repaired = المُصلَح

# أسماء المحاور ووحداتها.
figure-axis-generated-token = الرمز المكتوب
figure-axis-kl = ⁨قيمة KL(الكامل ‖ المقلَّم)، nat⁩
figure-axis-next-token = احتمال الرمز التالي
figure-unit-cosine = جيب التمام
figure-unit-logits = لوجيت
figure-unit-logits-squared = لوجيت²
figure-unit-nats = nat
figure-unit-share-of-h = ⁨نسبة من ⁨‖h‖⁩⁩
figure-unit-share-of-z = ⁨نسبة من ⁨‖z‖⁩⁩

# أي رسم.
figure-lowest = ⁨{ $name }⁩، الأدنى
figure-highest = ⁨{ $name }⁩، الأعلى
figure-not-drawn = تعذّر عرض الرسم: ⁨{ $why }⁩
figure-heat-kept = أوزان باقية، وكلما كبر الوزن قوي لونه
figure-slope-better = المرتبة نفسها أو أفضل
figure-slope-worse = مرتبة أسوأ
figure-slope-query = السؤال
figure-slope-rank = المرتبة { $rank }

# الاختيار من متعدد.
figure-choice-vocabulary = المفردات كلها: المشترك من أرجح 6 رموز { $shared }؛ ⁨cos z { $cos_z }⁩، ⁨cos p { $cos_p }⁩، KL(الكامل ‖ المقلَّم) ⁨{ $kl } nat⁩.
figure-choice-axis = الاحتمال بين الحروف
figure-choice-options = الحروف وحدها: { $agreement ->
    [same] يختار النموذجان ⁨{ $dense }⁩
   *[other] يختار الكامل ⁨{ $dense }⁩ والمقلَّم ⁨{ $pruned }⁩
 }، بالفارقين { $dense_margin } و{ $pruned_margin }{ $repaired ->
    [none] {""}
   *[other] ؛ ويختار المُصلَح ⁨{ $repaired }⁩، بفارق { $repaired_margin }
 }؛ ⁨cos z { $cos_z }⁩، ⁨cos p { $cos_p }⁩، KL(الكامل ‖ المقلَّم) ⁨{ $kl } nat⁩.
figure-choice-all = الكل
figure-choice-right = يصيب الكامل في { $dense } من { $dense_of }، والمقلَّم في { $pruned } من { $pruned_of } (فترة الثقة 95%: من { $low }% إلى { $high }%)؛ ويتفق اختيارهما في { $agreement }.
figure-choice-so-far = حتى الآن { $of } من أصل { $all } من الأسئلة: { $right }
figure-choice-repaired = ويصيب المُصلَح في { $right } من { $of }.
figure-choice-flips = انقلاب الأجوبة، { $model }: ينقلب { $flipped } من { $of } (⁨{ $percent } %⁩) بين الصواب والخطأ: إلى الخطأ { $to_wrong } وإلى الصواب { $to_right }؛ ويتحول { $to_other } من جواب خاطئ إلى خاطئ آخر.
figure-choice-guessing = ومن يخمّن يصيب في { $percent }%.

# عدة خطط جنبًا إلى جنب.
figure-compare-h = جيب التمام في الحالات الخفية
figure-compare-z = جيب التمام في اللوجيتات
figure-compare-p = جيب التمام في الاحتمالات
figure-compare-dz = جذر متوسط ⁨Δz²⁩
figure-compare-kl = قيمة KL(الكامل ‖ المقلَّم)
figure-compare-fixed-p = جيب التمام في p على نص النموذج الكامل
figure-compare-fixed-kl = قيمة KL على نص النموذج الكامل
figure-compare-theorem-2 = تقدير ⁨1 − cos p⁩ بحسب المبرهنة 2
figure-compare-theorem-3 = تقدير KL بحسب المبرهنة 3
figure-compare-turn-h = ⁨Δh⊥⁩: كم يدور h
figure-compare-turn-z = ⁨Δz⊥⁩: كم يدور z
figure-compare-mean = المتوسط: ⁨{ $means }⁩.

# البعد عن النموذج الكامل على نص.
figure-fidelity-model = النموذج
figure-fidelity-mean = KL، المتوسط
figure-fidelity-median = KL، الوسيط
figure-fidelity-same-top = الرمز الأرجح نفسه
figure-fidelity-loss = الخسارة
figure-fidelity-summary = القياس على { $tokens } من رموز مقاطع الاسترجاع، التي لم يرها أي ضبط (KL(الكامل ‖ النموذج) بوحدة nat عند كل موضع، والخسارة ⁨−log p⁩ للرمز التالي، ⁨T = 1⁩){ $repair ->
    [not-applied] : لا يُطبَّق الإصلاح، لأنه لم ينفع مع الرموز التي لم تدخل في ضبطه.
    [gain] : يزيل الإصلاح { $share }% من متوسط KL.
    [no-gain] : لا يخفض الإصلاح متوسط KL.
   *[none] {"."}
 }

# البُعد عن النموذج الكامل على نصوص من أنواع مختلفة: أسماء النصوص، وأعمدة الجدولين، والجملة التي فوقهما.
figure-texts-all = كل النصوص
figure-texts-prose = نثر
figure-texts-dialogue = حوار
figure-texts-code = شيفرة
figure-texts-lists = قوائم
figure-texts-numbers = أعداد
figure-texts-german = ألمانية
figure-texts-tokens = { $kind }، الرموز: { $tokens }
figure-texts-model = النموذج
figure-texts-kl-mean = KL، المتوسط
figure-texts-kl-median = الوسيط
figure-texts-kl-share = ⁨{ $share } %⁩
figure-texts-kl-max = الأكبر
figure-texts-same-top = الرمز الأرجح نفسه، %
figure-texts-delta-p = ⁨Δp⁩، المتوسط، %
figure-texts-delta-p-rms = ⁨Δp⁩، الجذر التربيعي لمتوسط المربعات، %
figure-texts-perplexity = الحيرة، النموذج / الكامل
figure-texts-plan = الخطة
figure-texts-memory = الذاكرة
figure-texts-ratio = الحيرة نسبةً إلى الكامل
figure-texts-summary = { $done } من { $total } نافذة، في كل منها { $window } رمزًا؛ يُقاس النصف الثاني من كل نافذة، وعدد الرموز المقيسة حتى الآن { $tokens }. ⁨KL(dense ‖ model)⁩ بوحدة nat: المتوسط، والقيم التي تقع تحتها تلك النسبة من الرموز؛ ⁨Δp⁩: تغيّر احتمال الرمز الصحيح؛ ±: الخطأ المعياري. كما يعرضها llama-perplexity.

# ما توفّره خطة، مقيسًا: الأعمدة، والجملة التي فوق الجدول.
figure-speed-prefill = الرموز المقروءة في الثانية
figure-speed-decode = الرموز المكتوبة في الثانية
figure-speed-cache = ذاكرة ⁨KV⁩
figure-speed-matrices = المصفوفات
figure-speed-summary = يقرأ كل نموذج وحده { $prompt } رمزًا دفعةً واحدة ويكتب { $written }، { $threads ->
    [0] على معالج الرسوم
   *[other] وعدد خيوط هذا الجهاز المستعملة { $threads }
 }؛ ويُؤخذ الأسرع من ثلاث مرات. ذاكرة ⁨KV⁩: لعدد { $cached } من الرموز بنصف الدقة. المصفوفات: مصفوفات الكتل كما يخزّنها الملف أو كما تخزّنها الخطة.

# صورة الخطط المقارنة على النصوص: محوراها، وأنواع نقاطها، وخطها، والجملة تحتها. $frontier يعدّد الخطط، وأولها أقربها إلى النموذج الكامل.
figure-pareto-memory = ذاكرة مصفوفات الكتل، ⁨MB⁩
figure-pareto-kl = ⁨KL⁩ عن الكامل، ⁨nat⁩
figure-pareto-error = الخطأ المعياري
figure-pareto-other = النموذج الثاني
figure-pareto-frontier = الجبهة
figure-pareto-told = عدد الخطط إلى جانب النموذج الكامل: { $count }؛ والأعمدة خطأ معياري واحد. على الجبهة، حيث لا شيء آخر هنا بهذا { $axis ->
    [memory] الصغر
   *[speed] السرعة
 } وهذا القرب من النموذج الكامل معًا: { $frontier }.
figure-pareto-one = قارِن خطة أخرى لترى جبهة.

# جدول الخطط التي حُكم عليها. From right to left, so the arrows point to the left.
figure-judged-plan = الخطة
figure-judged-matrices = مصفوفات الطبقات، الملف ← الخطة
figure-judged-repair = ما يحفظه الإصلاح
figure-judged-not-applied = غير مطبَّق
figure-judged-numbers = { $count ->
    [one] عدد واحد
    [two] عددان
    [few] { $count } أعداد
    [many] { $count } عددًا
   *[other] { $count } عدد
 }
figure-judged-score = { $dense } ← { $pruned } من { $of }: { $verdict }
figure-judged-score-repaired = { $dense } ← { $pruned } ← { $repaired } من { $of }: { $verdict }
figure-judged-memory = { $file } ← ⁨{ $plan } MB⁩: { $change ->
    [none] بلا توفير
    [more] أكثر بنسبة { $percent }%
   *[less] أقل بنسبة { $percent }%
 }
figure-judged-better = الخطة «⁨{ $name }⁩» (⁨{ $plan }⁩) لا تحتاج إلى ذاكرة أكثر مما تحتاج إليه آخر خطة حُكم عليها، ولا تقل عنها إصابةً في أي مجموعة.

# جيب التمام بحسب الطبقة، بتقليم كل طبقة فرعية وحدها.
figure-layers-axis = الطبقة
figure-layers-cosine = تشابه جيب التمام
figure-layers-attention = { $change ->
    [weights] تقليم أوزان طبقة انتباه فرعية واحدة وحدها يُبقي اللوجيتات عند ⁨{ $z }⁩ أو أعلى؛ أما الاحتمالات فتهبط إلى ⁨{ $p }⁩، في الطبقة { $layer }.
   *[drop] حذف طبقة انتباه فرعية واحدة وحدها يُبقي اللوجيتات عند ⁨{ $z }⁩ أو أعلى؛ أما الاحتمالات فتهبط إلى ⁨{ $p }⁩، في الطبقة { $layer }.
 }
figure-layers-mlp = { $change ->
    [weights] تقليم أوزان طبقة MLP فرعية واحدة وحدها يُبقي اللوجيتات عند ⁨{ $z }⁩ أو أعلى؛ أما الاحتمالات فتهبط إلى ⁨{ $p }⁩، في الطبقة { $layer }.
   *[drop] حذف طبقة MLP فرعية واحدة وحدها يُبقي اللوجيتات عند ⁨{ $z }⁩ أو أعلى؛ أما الاحتمالات فتهبط إلى ⁨{ $p }⁩، في الطبقة { $layer }.
 }

# الإصلاح في جمل. What replaces a sublayer (names.ftl) is masculine, here in the nominative and the genitive.
figure-repair-fitted = يحل { $form } محل كل طبقة فرعية محذوفة، وقد ضُبط على { $tokens } من رموز نص المعايرة{ $answers ->
    [0] {""}
    [one] {" "}وعلى جواب واحد للنموذج الكامل
    [two] {" "}وعلى جوابين للنموذج الكامل
    [few] {" "}وعلى { $answers } أجوبة للنموذج الكامل
    [many] {" "}وعلى { $answers } جوابًا للنموذج الكامل
   *[other] {" "}وعلى { $answers } جواب للنموذج الكامل
 }؛ وعلى { $held_out } من الرموز التي لم يرها الضبط تبلغ KL(الكامل ‖ المقلَّم) ⁨{ $without } nat⁩ بلا إصلاح و⁨{ $with }⁩ معه.
figure-repair-kept = الأعداد المحفوظة: { $numbers } ({ $size }).
figure-repair-not-applied = لا يُطبَّق الإصلاح لأنه لا ينفع: مع { $form }، على { $held_out } من الرموز التي لم يرها الضبط، تبلغ KL(الكامل ‖ المقلَّم) ⁨{ $without } nat⁩ بلا إصلاح و⁨{ $with }⁩ معه.
figure-repair-is-pruned = النموذج في الأسفل هو النموذج المقلَّم.
figure-repair-kilobytes = ⁨{ $size } kB⁩ بالدقة النصفية
figure-repair-megabytes = ⁨{ $size } MB⁩ بالدقة النصفية
figure-repair-thousands = ,
# الإصلاح عند رأس النموذج.
figure-repair-head-fitted = عند الرأس، بعد الضبط على { $tokens } من رموز نص المعايرة والتحقق على { $held_out } من غيرها: { $parts }.
figure-repair-head = عند الرأس، على الرموز نفسها: { $parts }.
figure-repair-bias = { $applied ->
    [yes] إزاحة h بمقدار { $length } من طوله تنقل KL من { $before } إلى ⁨{ $after } nat⁩
   *[no] إزاحة h بمقدار { $length } من طوله تنقل KL من { $before } إلى ⁨{ $after } nat⁩، ولذلك لا تُطبَّق
 }
figure-repair-temperature = { $applied ->
    [yes] قسمة اللوجيتات على { $divisor } تنقل KL من { $before } إلى ⁨{ $after } nat⁩
   *[no] قسمة اللوجيتات على { $divisor } تنقل KL من { $before } إلى ⁨{ $after } nat⁩، ولذلك لا تُطبَّق
 }
figure-repair-full = على { $tokens } من الرموز التي لم يرها أي من الضبطين يُبقي الإصلاح الأصغر ⁨{ $smaller } nat⁩ والتحويل الكامل الرتبة ⁨{ $full }⁩، { $verdict ->
    [used] ولذلك يُستعمل هذا التحويل
    [used-though-worse] ومع ذلك يُستعمل هذا التحويل
    [better] فهذا التحويل أفضل
   *[not-used] ولذلك لا يُستعمل هذا التحويل
 }.

# الاسترجاع.
figure-retrieval-ranked = المتجهات من { $pooling ->
    [mean] متوسط الرموز
   *[last] آخر رمز
 }: يأتي المقطع الصحيح أولًا في { $first } من أصل { $of } من الأسئلة (مع الكامل { $dense_first })، وبين الخمسة الأوائل في { $among_five } (مع الكامل { $dense_among_five }). ومعامل كندال τ بين الترتيبين ⁨{ $tau }⁩؛ وتحتفظ المتجهات بجيب تمام قدره ⁨{ $cosine }⁩.
figure-retrieval-repaired = بعد الإصلاح: أولًا في { $first }، وبين الخمسة الأوائل في { $among_five }.
figure-retrieval-flips = انقلاب الأجوبة، { $model }: { $flipped } من { $of } (⁨{ $percent } %⁩)؛ لم يعد المقطع الصحيح أولًا في { $to_wrong }، وصار أولًا في { $to_right }.

# البحث عن الطبقات الفرعية التي تُحذف.
figure-search-axis = عدد الطبقات الفرعية المحذوفة
figure-search-then-repaired = { $method }، ثم إصلاح
figure-search-lower = كلما انخفض الخط كان أقرب إلى النموذج الكامل، على نص لم يره البحث ولا الإصلاح.
figure-search-found = { $method } (⁨{ $kl } nat⁩)
figure-search-closest = عند حذف { $count ->
    [one] طبقة فرعية واحدة
    [two] طبقتين فرعيتين
    [few] { $count } طبقات فرعية
   *[other] { $count } طبقة فرعية
 } كان الأقرب إلى النموذج الكامل: { $first }، وبعده: { $second }؛ وبعد الإصلاح: { $first_repaired }، وبعده: { $second_repaired }. وقيمة KL هي على نص لم يره البحث ولا الإصلاح.
