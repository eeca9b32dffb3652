# السطر في أعلى الصفحة (src/page/header.rs, src/page/language.rs).
# In all files of this folder, U+2068 and U+2069 (invisible) stand around arguments and Latin words that would else change places with
# their neighbours in a line from right to left; not around arguments that are replaced by elements of the page.

header-copied = نُسخ الرابط
header-copy = نسخ الرابط
header-copy-refused = يمكن نسخه من شريط العنوان
header-export = تصدير JSON
header-more = المزيد
header-open = فتح في علامة تبويب
header-reset = إعادة الضبط
header-save-trace = حفظ التسجيل
header-save-trace-hint = التشغيل وقياساته في ملف تعرضه هذه الصفحة من جديد بلا نموذج
header-share = مشاركة
header-stop = إيقاف التشغيل
header-stop-hint = إيقاف ما يجري الآن
header-story = لنقرأ الحكاية
header-tagline = نوقف أجزاءً من نموذج لغوي، ونرى أين تضيع الإشارة.
language-choice = اللغة
language-late = لم تصل في الوقت المناسب
language-not-read = لا يمكن عرض الصفحة باللغة «⁨{ $language }⁩»: ⁨{ $why }⁩. هي الآن بالإنجليزية؛ ويمكن فتحها من جديد لمحاولة أخرى.

# زر ينسخ شيئًا (src/page/copy_button.rs): ما يقوله بعد ذلك.
copy-done = تم النسخ
copy-refused = المتصفح لا يسمح بالنسخ

# رأس صفحة محفوظة (src/page/session.rs).
session-link = الرابط
session-model = النموذج
session-not-saved = تعذّر حفظ الصفحة: تحقّق من الاتصال بالشبكة ثم حاول من جديد.
session-plan = الخطة
session-prompt = المُدخل
session-saved = حُفظت هذه الصفحة في ⁨{ $day }⁩ بالإصدار ⁨{ $program }⁩. وللمتابعة يُفتح هذا الملف في الصفحة.
