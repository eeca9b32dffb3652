# العنوان والأعداد عند الرمز المختار، من الطبقة إلى الكلمة (src/page/pipeline.rs).

pipeline-title = كم يبقى من الإشارة، من الطبقة إلى الكلمة
pipeline-recorded = مُسجَّل في ⁨{ $day }⁩
pipeline-recorded-hint = سُجِّل في ⁨{ $day }⁩ ببرنامج ⁨Prunescope { $program }⁩ على النموذج ⁨{ $model }⁩؛ وحين يعمل المحرّك هنا تحل أعداده محل هذه
# تحت عدد الطبقات الفرعية التي تعمل. The total is twice the number of layers, so the singular fits from 11 on.
pipeline-sublayers-on = من { $total } { $sublayers } تعمل
pipeline-sublayers = طبقة فرعية
pipeline-layers = الطبقات
pipeline-head = رأس النموذج
pipeline-softmax = softmax
pipeline-pick = الاختيار
pipeline-hidden = الحالة الخفية
pipeline-logits = اللوجيتات
pipeline-probabilities = الاحتمالات
pipeline-cosine-hint = تشابه جيب التمام بين النموذج الكامل والنموذج المقلَّم؛ والقيمة 1 تعني التطابق
pipeline-cosine-repaired = بعد الإصلاح ⁨{ $cosine }⁩
pipeline-cosine-repaired-hint = تشابه جيب التمام بين النموذج الكامل والنموذج المُصلَح
pipeline-kl = ⁨KL { $kl } nat⁩
pipeline-previewed = بحسب المعاينة
pipeline-previewed-first = الرمز الأول، بحسب المعاينة
pipeline-previewed-hint = قيس قبل تبديل المفتاح؛ والتشغيل الذي يؤكده جارٍ الآن
pipeline-dense = الكامل
pipeline-pruned = المقلَّم
pipeline-repaired = المُصلَح
pipeline-back = ↺ عودة إلى المُدخل
pipeline-back-hint = يُضاف الرمز المختار إلى آخر المُدخل، فتنتقل الأخطاء إلى ما بعده
pipeline-nothing-off = لم يوقَف شيء: النموذجان متطابقان. يمكن إيقاف طبقة في الأسفل.
pipeline-parting = يفترق النصان: { $place }…
pipeline-token = الرمز { $number }
pipeline-token-said = الرمز { $number }، { $place }
pipeline-place-own = حيث قرأ كل نموذج نصه هو
pipeline-place-prompt = بعد المُدخل مباشرةً
pipeline-place-after = بعد «⁨{ $text }⁩»
pipeline-place-parting = { $place }، حيث يفترق النصان
pipeline-place-not-recorded = { $place }: غير مُسجَّل
pipeline-deciding = الرمز الحاسم
pipeline-deciding-hint = العودة إلى أول رمز يختلف عنده النصان
pipeline-two-contexts = هنا قرأ كل نموذج نصه هو، فهذه الأعداد تقارن بين سياقين مختلفين.

# النصوص التي تكتبها النماذج (src/page/texts.rs).

texts-title = ما تكتبه النماذج
texts-dense-writes = يكتب النموذج الكامل
texts-pruned-writes = يكتب النموذج المقلَّم
texts-repaired-writes = يكتب النموذج المُصلَح
texts-token-said = ⁨{ $token }⁩، ⁨KL { $kl }⁩
texts-token-not-compared = ⁨{ $token }⁩، بلا مقارنة KL
texts-tint = اللون: قيمة KL بين احتمالات النموذجين عند كل رمز. عند الإشارة إلى رمز تظهر بدائله، وعند الضغط عليه تظهر أعداده في الأعلى.
texts-first-difference = أول اختلاف: الرمز { $token }.
texts-token-numbers = الرمز { $token }: ⁨cos p { $cosine }⁩، ⁨KL { $kl } nat⁩
texts-dense = الكامل
texts-pruned = المقلَّم
texts-repaired = المُصلَح
texts-ended = أنهى النموذج الآخر نصه؛ فلا مقارنة هنا.

# الإصلاح (src/page/repair.rs).

repair-sublayers = إصلاح
# What replaces a sublayer (names.ftl) stands in the nominative.
repair-offer = يحل { $form } محل كل طبقة فرعية موقوفة. يستغرق ذلك ثوانيَ، بلا تدريب.
repair-head = معايرة الرأس
repair-offer-head = تُضبط إزاحة h ودرجة حرارة واحدة للوجيتات. يستغرق ذلك ثوانيَ، بلا تدريب.
repair-forms = ما يحل محل كل طبقة فرعية محذوفة
repair-nothing = لا شيء
repair-head-forms = ما يُصلَح في الرأس
repair-head-as-it-is = الرأس كما هو
repair-head-form = الرأس: { $form }
repair-undo = بلا إصلاح
repair-awaits-full = هذا هو الإصلاح السريع. وحين لا يكون للصفحة عمل آخر تضبط تحويلًا أكبر، يحل محله إن كان أفضل.
repair-use-full = استعمال التحويل الكامل الرتبة
repair-own-answers = أجوبة النموذج الكامل نفسه ({ $count })
repair-own-answers-hint = يُضبط التحويل الكامل الرتبة على هذه الأجوبة أيضًا: كتبها النموذج الكامل بنفسه.

# تحت شرح كلمة (src/page/terms.rs): زر، والمفتاح الذي يضغطه.

terms-in-story = في الحكاية، الفصل { $chapter }
terms-key = (Enter)

# أجزاء الصفحة، وكيف يعرضها رابط (src/page/part.rs, src/presentation.rs).

part-task = مهمة يطرحها هذا الرابط
part-prompt = المُدخل والنموذج
part-pipeline = من الطبقة إلى الكلمة
part-grid = مفاتيح الطبقات
part-compression = حذف الأوزان وتقريبها
part-texts = النصوص
part-charts = الرسوم
part-state-shown = ظاهر
part-state-locked = مقفل
part-state-hidden = مخفي
part-theme-auto = كما في المتصفح
part-theme-light = فاتح
part-theme-dark = داكن
part-unknown = { $what ->
    [part] يذكر ⁨{ $key }⁩ في الرابط جزءًا لا وجود له: «⁨{ $name }⁩»، فتُرك. المتاح: ⁨{ $known }⁩.
    [theme] يذكر ⁨{ $key }⁩ في الرابط ألوانًا لا وجود لها: «⁨{ $name }⁩»، فتُركت. المتاح: ⁨{ $known }⁩.
   *[language] يذكر ⁨{ $key }⁩ في الرابط لغة لا وجود لها: «⁨{ $name }⁩»، فتُركت. المتاح: ⁨{ $known }⁩.
 }
