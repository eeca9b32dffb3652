# اختيار النموذج وجهاز الحساب، والسؤال قبل جلب نموذج (src/page/model_picker.rs, src/page/models.rs, src/page/device.rs, src/consent).

# الحقول تحت «النموذج».
picker-model = النموذج: مستودع على Hugging Face، أو عنوان ملف GGUF
picker-other = المقارنة بنموذج ثانٍ، مثل نسخة مقلَّمة من الأول
picker-other-none = لا شيء
picker-load = تحميل
picker-files = أو ملفات على هذا الجهاز (ويمكن سحبها إلى الصفحة)
picker-files-in-links = لا يستطيع رابط أن يحمل ملفًا: من يفتحه يجب أن يكون الملف عنده أيضًا.
picker-suggestions = نماذج للتجربة
picker-suggestion-hint = { $licence ->
    [gemma] ⁨{ $model }⁩: تنزيل ⁨{ $megabytes } MB⁩، ونحو ⁨{ $memory } MB⁩ من الذاكرة، بشروط Gemma
   *[other] ⁨{ $model }⁩: تنزيل ⁨{ $megabytes } MB⁩، ونحو ⁨{ $memory } MB⁩ من الذاكرة، بترخيص ⁨{ $licence }⁩
 }
picker-megabytes = ⁨{ $megabytes } MB⁩
picker-device = جهاز الحساب
picker-device-best = الأفضل
picker-precision = تقريب الأوزان إلى 8 بتات إذا كانت مخزَّنة بلا تقريب، لتوفير الذاكرة

# موقع النماذج: مثل huggingface.co.
picker-hubs = نماذج خاصة، ومواقع نماذج أخرى
picker-hub = موقع النماذج
picker-no-token-in-frame = لا يُقبل رمز وصول في إطار داخل صفحة أخرى، لأن تلك الصفحة تستطيع قراءة النتائج: يُرجى الفتح في علامة تبويب.
picker-hub-of-link = الموقع ⁨{ $host }⁩ ذكره الرابط، لا الزائر. ومن يدير هذا الموقع يستطيع استعمال رمز الوصول الذي يُعطى له: لا ينبغي إعطاؤه رمزًا إلا إذا كان موقع الزائر نفسه أو موقعًا يعرفه، ولا إعطاؤه أبدًا رمزًا لموقع آخر.
picker-trust-hub = إعطاء ⁨{ $host }⁩ رمز وصول
picker-token = رمز الوصول إلى ⁨{ $host }⁩
picker-token-stays = يبقى في علامة التبويب هذه وحدها، ولا يُرسل إلا إلى ⁨{ $host }⁩.

# النماذج المحفوظة على هذا الجهاز.
picker-kept = محفوظ على هذا الجهاز، للزيارات بلا شبكة
picker-delete = حذف
picker-delete-hint = حذف ⁨{ $model }⁩
picker-evictable = قد يحذف هذا المتصفح هذه الملفات حين يحتاج إلى مكان، أو بعد مدة بلا زيارة؛ وعندئذ تُنزَّل من جديد.

models-file-of-link = النموذج هو الملف ⁨{ $name }⁩ على جهاز من صنع هذا الرابط: يُرجى اختيار ذلك الملف تحت «النموذج»، أو استعمال النموذج الافتراضي.
models-undeleted = تعذّر حذف ⁨{ $model }⁩ (⁨{ $why }⁩): يُرجى إعادة تحميل الصفحة والمحاولة من جديد.
models-undeleted-while-read = تجري الآن قراءة ⁨{ $model }⁩، هنا أو في علامة تبويب أخرى: يُرجى حذفه بعد تحميله، أو إغلاق علامة التبويب تلك.

# لماذا تحسب الصفحة على CPU أو عبر WebGPU.
device-cpu-asked = يطلب الرابط، أو القائمة، استعمال CPU.
device-webgpu-asked = طُلب WebGPU.
device-webgpu-asked-software = طُلب WebGPU؛ لكن محوّل الرسوميات هنا برمجي فقط.
device-webgpu-software = يعمل WebGPU في هذا المتصفح بمحوّل برمجي فقط، وهو أبطأ من محرّك CPU.
device-webgpu-found = في هذا المتصفح محوّل WebGPU حقيقي.
device-measured-earlier = قيس ذلك في زيارة سابقة؛ ويمكن اختيار WebGPU تحت «النموذج».
device-no-webgpu = { $why ->
    [unsupported] لا يوجد WebGPU: ليس في هذا المتصفح، أو أن الصفحة لم تأتِ عبر https ولا من localhost.
    [silent] لا يوجد WebGPU: لا يجيب هذا المتصفح حين يُسأل عن محوّل رسوميات.
   *[none] لا يوجد WebGPU: لا يجد هذا المتصفح محوّل رسوميات.
 }
device-no-webgpu-but-asked = { $why ->
    [unsupported] طُلب WebGPU، لكنه ليس في هذا المتصفح، أو أن الصفحة لم تأتِ عبر https ولا من localhost: يُرجى استعمال متصفح حديث مع GPU، أو الانتقال إلى CPU.
    [silent] طُلب WebGPU، لكن هذا المتصفح لا يجيب حين يُسأل عن محوّل رسوميات: يُرجى استعمال متصفح حديث مع GPU، أو الانتقال إلى CPU.
   *[none] طُلب WebGPU، لكن هذا المتصفح لا يجد محوّل رسوميات: يُرجى استعمال متصفح حديث مع GPU، أو الانتقال إلى CPU.
 }

# عناوين مرفوضة.
consent-scheme = لا تستطيع صفحة تحميل عنوان يبدأ بـ ⁨{ $scheme }:⁩، والمطلوب عنوان يبدأ بـ ⁨https:⁩.
consent-password = في العنوان اسم أو كلمة سر، والمتصفحات لا ترسلهما: يجب حذفهما منه.
consent-no-token = لا يُعطى ⁨{ $host }⁩ رمز وصول، لأن عنوانه لا يبدأ بـ ⁨https:⁩: يستطيع أي طرف في الطريق أن يقرأ الرمز.

# السؤال قبل جلب نموذج.
consent-title-link = يطلب هذا الرابط نموذجًا ليس على هذا الجهاز
consent-title-default = النموذج ليس على هذا الجهاز
consent-title-large = هذا نموذج كبير
# سطر لكل نموذج.
consent-default-model = النموذج الافتراضي
consent-model = ⁨{ $model }⁩ من ⁨{ $host }⁩
consent-model-size = ⁨{ $model }⁩ من ⁨{ $host }⁩: ⁨{ $size }⁩
consent-model-not-asked = ⁨{ $model }⁩ من ⁨{ $host }⁩: لا يُعرف حجمه قبل سؤال ⁨{ $host }⁩ عنه
consent-model-not-said = ⁨{ $model }⁩ من ⁨{ $host }⁩: تعذّر سؤال ⁨{ $host }⁩ عن حجمه، أو لم يذكره
consent-model-redirect = ⁨{ $model }⁩ من ⁨{ $host }⁩، وهو يحيل إلى عنوان آخر
# أسباب السؤال.
consent-hosts = { $count ->
    [one] المضيف ⁨{ $hosts }⁩ ليس هذا الموقع ولا ⁨{ $usual }⁩؛ ولم يُطلب منه شيء بعد.
    [two] المضيفان ⁨{ $hosts }⁩ ليس أحدهما هذا الموقع ولا ⁨{ $usual }⁩؛ ولم يُطلب منهما شيء بعد.
   *[other] المضيفات ⁨{ $hosts }⁩ ليس من بينها هذا الموقع ولا ⁨{ $usual }⁩؛ ولم يُطلب منها شيء بعد.
 }
consent-bytes = { $count ->
    [one] الحجم ⁨{ $size }⁩، وهو أكبر مما يجوز لرابط أن يجلبه بلا سؤال (⁨{ $most }⁩).
   *[other] المجموع ⁨{ $size }⁩، وهو أكبر مما يجوز لرابط أن يجلبه بلا سؤال (⁨{ $most }⁩).
 }
consent-bytes-unknown = قد يكون النموذج كبيرًا.
consent-redirect = لا يُعرف إلى أين يحيل ⁨{ $host }⁩، ولا حجم النموذج هناك، قبل اتباع الإحالة.
consent-more = هذا أكبر مما بدا أن الرابط يحتاج إليه قبل تحميل أي شيء.
consent-saves-data = يطلب هذا المتصفح من الصفحات توفير البيانات.
consent-more-than-a-tab-holds = هذا أكبر مما تتسع له علامة تبويب على CPU (⁨{ $most }⁩): قد لا ينجح التحميل.
# زر الموافقة.
consent-load = تحميل من ⁨{ $hosts }⁩
consent-load-size = تحميل ⁨{ $size }⁩ من ⁨{ $hosts }⁩
consent-and = ⁨{ $first }⁩ و⁨{ $last }⁩
consent-less-than-a-megabyte = أقل من ⁨1 MB⁩

# أسفل الصفحة: ما يخرج من علامة التبويب.
consent-computed-in-frame = يُحسب كل شيء في هذا الإطار؛ والصفحة التي حوله تستطيع قراءة المُدخل والنتائج.
consent-computed-in-tab = يُحسب كل شيء في علامة التبويب هذه.
consent-link-holds-prompt = الرابط في شريط العنوان يحمل المُدخل، ويصل إلى هذا الموقع حين يُفتح الرابط أو يُعاد تحميله.
consent-host-learns = يعرف ⁨{ $host }⁩ أي نموذج يُحمَّل.
consent-host-learns-with-token = يعرف ⁨{ $host }⁩ أي نموذج يُحمَّل، ويتلقى معه رمز الوصول.
