# الصفحة كلها: التشغيلات المُسجَّلة والملفات والمشاركة والحكاية (src/page/*.rs, src/*.rs). The other messages of this file are not translated yet.

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
