# أسماء الأنواع، في القوائم والجداول ومفاتيح الرسوم والجمل (crates/figures/src/names.rs).

# ما يحل محل طبقة فرعية موقوفة. Masculine; sentences use it in the nominative or the genitive («يحل … محل»، «مع …»), which are written alike.
name-repair-bias = انحياز
name-repair-scale = معامل وانحياز
name-repair-rank = تحويل رتبته { $rank }
name-repair-full = تحويل كامل الرتبة
# ما يُصلَح في الرأس.
name-head-temperature = درجة حرارة اللوجيتات
name-head-bias = إزاحة h
name-head-both = إزاحة h ودرجة الحرارة
# ما قد يصلح له النموذج. All masculine, as the verdicts.
name-retrieval = الاسترجاع
name-classification = التصنيف
name-generation = التوليد
name-arithmetic = الحساب
name-structure = التركيب
# الأحكام.
name-safe = سليم
name-repairable = قابل للإصلاح
name-partly-lost = ضائع جزئيًّا
name-lost = ضائع
name-unclear = لا يمكن قياسه هنا
# طرق البحث عن الطبقات الفرعية التي تُحذف.
name-one-shot = أهمية مقيسة مرة واحدة
name-joint = ترتيب مشترك
name-iterative = أهمية مقيسة من جديد كل مرة
name-contiguous = قطعة متصلة
name-greedy = بحث جشع بحسب KL
name-greedy-repaired = بحث جشع مع الإصلاح
# مصفوفات الطبقة: their names in the models' own files.
name-query = query
name-key = key
name-value = value
name-output = output
name-gate = gate
name-up = up
name-down = down
