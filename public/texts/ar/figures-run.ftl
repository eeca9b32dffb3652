# جمل الرسوم التي تُصنع من تشغيل، ومن المسح والأوزان، وأسماؤها (crates/figures/src/figure: steps.rs, sweep.rs, text_change.rs, theorems.rs,
# tokens.rs, verdict.rs, weights.rs). A name of an axis is drawn on a canvas that runs from left to right: isolates around it turn it.

# steps.rs: المقاييس عند الرموز التي تُكتب.
figure-steps-on-dense-text = { $name } (على نص النموذج الكامل)
# The comma is not the Arabic one: the program looks for it, and writes what stands before it at the line's end.
figure-steps-repaired-name = { $name }, بعد الإصلاح
figure-steps-cosine = تشابه جيب التمام
figure-steps-loss = ⁨⁨−log p⁩ للنموذج الكامل⁩
figure-steps-hidden-and-logits = على امتداد النص تحتفظ الحالات الخفية في المتوسط بجيب تمام قدره ⁨{ $h }⁩، واللوجيتات بجيب تمام قدره ⁨{ $z }⁩.
figure-steps-hidden-and-logits-repaired = بعد الإصلاح: ⁨{ $h }⁩ و⁨{ $z }⁩.
figure-steps-probabilities = تحتفظ الاحتمالات في المتوسط بجيب تمام قدره ⁨{ $own }⁩ على نص النموذج المقلَّم نفسه، وقدره ⁨{ $fixed }⁩ حين يقرأ نص النموذج الكامل.
figure-steps-probabilities-so-far = تحتفظ الاحتمالات حتى الآن في المتوسط بجيب تمام قدره ⁨{ $own }⁩.
figure-steps-kl-reworded = متوسط KL على نص النموذج الكامل ⁨{ $fixed } nat⁩. وهو على نص النموذج المقلَّم نفسه ⁨{ $own }⁩، لكن هذا النص لم تتغير إلا صياغته: يقرأ النموذجان فيه كلمات مختلفة موضعًا بعد موضع، وليس هذا ضررًا.
figure-steps-kl-feedback = متوسط KL على نص النموذج المقلَّم نفسه ⁨{ $own } nat⁩، وعلى نص النموذج الكامل ⁨{ $fixed }⁩: التغذية الراجعة المظللة هي { $share }% من الأول.
figure-steps-kl-no-feedback = متوسط KL على نص النموذج المقلَّم نفسه ⁨{ $own } nat⁩، وعلى نص النموذج الكامل ⁨{ $fixed }⁩: التغذية الراجعة لا تضيف هنا شيئًا.
figure-steps-kl-so-far = متوسط KL حتى الآن ⁨{ $own } nat⁩.
# بعد واحدة من تلك الجمل.
figure-steps-repaired-means = { $unit ->
    [nats] بعد الإصلاح: ⁨{ $own } nat⁩ على نص النموذج المُصلَح نفسه، و⁨{ $fixed } nat⁩ على نص النموذج الكامل.
   *[none] بعد الإصلاح: ⁨{ $own }⁩ على نص النموذج المُصلَح نفسه، و⁨{ $fixed }⁩ على نص النموذج الكامل.
}
figure-steps-repaired-so-far = { $unit ->
    [nats] بعد الإصلاح: ⁨{ $own } nat⁩ حتى الآن.
   *[none] بعد الإصلاح: ⁨{ $own }⁩ حتى الآن.
}
figure-steps-dense-text = نص النموذج الكامل
figure-steps-pruned-text = نص النموذج المقلَّم
figure-steps-repaired-text = نص النموذج المُصلَح
figure-steps-collapse = يُفاجأ النموذج الكامل بنصه هو بمقدار ⁨{ $dense } nat⁩ لكل رمز، وبنص النموذج المقلَّم بمقدار ⁨{ $pruned }⁩. وفي نص المقلَّم { $pairs }% من أزواج الرموز مختلف بعضها عن بعض (في نص الكامل { $dense_pairs }%)، و{ $runs }% من متتاليات الرموز الثلاثة متكررة (في نص الكامل { $dense_runs }%).
figure-steps-collapse-repaired = ويُفاجأ بنص النموذج المُصلَح بمقدار ⁨{ $loss }⁩؛ وفيه { $pairs }% من الأزواج مختلف بعضها عن بعض، و{ $runs }% من المتتاليات متكررة.

# sweep.rs: النتائج بحسب مقدار التقليم.
figure-sweep-choice = الاختيار من متعدد
figure-sweep-retrieval = الاسترجاع
figure-sweep-generation = الأجوبة المحددة
figure-sweep-attention = الانتباه
figure-sweep-blocks = طبقات كاملة (ShortGPT)
figure-sweep-magnitude = الأصغر مقدارًا
figure-sweep-round-to-nearest = التقريب إلى أقرب قيمة
figure-sweep-attention-repaired = الانتباه، بعد الإصلاح
figure-sweep-mlp-repaired = MLP، بعد الإصلاح
figure-sweep-axis-layers = الطبقات الفرعية أو الكاملة المحذوفة، الأقل أهمية أولًا
figure-sweep-axis-sparsity = الأوزان المحذوفة، بالمئة
figure-sweep-axis-bits = عدد بتات الوزن (16: بلا تقريب)
figure-sweep-right = نسبة الصواب
figure-sweep-line = { $line } من { $from }% إلى { $to }% عند { $at }
figure-sweep-told = { $score }: { $lines }؛ عدد المهام في كل نقطة { $items }، والأشرطة هي فترات الثقة 95%.
figure-sweep-refining = { $score }: { $lines }؛ عدد المهام في كل نقطة حتى الآن من { $fewest } إلى { $items }، والأشرطة هي فترات الثقة 95%.
figure-sweep-items = عدد المهام في كل نقطة { $items }؛ والأشرطة هي فترات الثقة 95%.

# text_change.rs: ما صار إليه نص النموذج المقلَّم.
figure-text-change-same = متطابق: النموذج المقلَّم يكتب نص النموذج الكامل نفسه.
figure-text-change-answered = تغيرت الصياغة: كلمات أخرى، لكن الجواب ما زال موجودًا ({ $parting }).
figure-text-change-reworded = تغيرت الصياغة: كلمات أخرى يراها النموذج الكامل محتملة مثل كلماته ({ $parting }).
figure-text-change-wrong = خطأ: { $parting }، وضاع الجواب.
figure-text-change-off-course = خروج عن المسار: { $parting }، والبقية لا يكاد النموذج الكامل يكتب مثلها.
figure-text-change-babble = كلام بلا معنى: { $parting }، ثم ينهار النص.
# بعد واحدة منها: نص النموذج المُصلَح.
figure-text-change-repaired-same = بعد الإصلاح: نص النموذج الكامل من جديد.
figure-text-change-repaired-answered = بعد الإصلاح: كلمات أخرى، والجواب موجود.
figure-text-change-repaired-reworded = بعد الإصلاح: كلمات أخرى يراها النموذج الكامل محتملة مثل كلماته.
figure-text-change-repaired-off-course = بعد الإصلاح: ما زال النص خارج المسار.
figure-text-change-repaired-babble = بعد الإصلاح: ما زال الكلام بلا معنى.
# أين يفترق النصان، في وسط جملة.
figure-text-change-parting = عند الرمز { $token }
figure-text-change-word-for-word = عند الرمز { $token } جاء «⁨{ $pruned }⁩» بدلًا من «⁨{ $dense }⁩»
figure-text-change-word-for-end = عند الرمز { $token } جاء «⁨{ $pruned }⁩» بدلًا من النهاية
figure-text-change-end-for-word = عند الرمز { $token } جاءت النهاية بدلًا من «⁨{ $dense }⁩»
figure-text-change-end-for-end = عند الرمز { $token } جاءت نهاية أخرى
figure-text-change-nothing-for-word = عند الرمز { $token } لا شيء بدلًا من «⁨{ $dense }⁩»
figure-text-change-nothing-for-end = عند الرمز { $token } لا شيء بدلًا من النهاية
figure-text-change-collapsed-repeats = انهار النص: { $runs }% من متتاليات الرموز الثلاثة فيه متكررة (في نص الكامل { $dense_runs }%).
figure-text-change-collapsed-surprises = انهار النص: يفاجئ النموذج الكامل بمقدار ⁨{ $loss } nat⁩ لكل رمز (أما نصه هو فبمقدار { $dense_loss }).
figure-text-change-collapsed-both = انهار النص: { $runs }% من متتاليات الرموز الثلاثة فيه متكررة (في نص الكامل { $dense_runs }%)، وهو يفاجئ النموذج الكامل بمقدار ⁨{ $loss } nat⁩ لكل رمز (أما نصه هو فبمقدار { $dense_loss }).

# theorems.rs: القيم المقيسة والتقديرات.
figure-theorems-axis-dense-text = الرمز في نص النموذج الكامل
figure-theorems-axis-layer = الطبقة
figure-theorems-estimate = تقدير ⁨{ $name }⁩
figure-theorems-holds = لا يبعد التقدير هنا عن القيمة الحقيقية في أي موضع بأكثر من { $percent }%.
figure-theorems-fails = التغير Δz أكبر من أن يصلح له التقدير من الرتبة الثانية: يبعد التقدير عن القيمة الحقيقية هنا في كل موضع بأكثر من { $percent }%.
figure-theorems-fails-in-places = يبعد التقدير عن القيمة الحقيقية بأكثر من { $percent }% في المواضع المظللة ({ $places } من { $all })، حيث تبلغ القيمة الحقيقية ⁨{ $smallest }⁩ أو أكثر.
figure-theorems-axis-share = ⁨نسبة من ⁨‖x‖⁩⁩
figure-theorems-parts = { $change ->
    [shrink] لا يدير المتجه إلا الجزء المتعامد. ونسبته إلى الجزء الموازي في المتوسط { $h } في h و{ $z } في z؛ وعلى امتداد الاتجاه نفسه يتقلص h بنسبة { $along_h }% ويتقلص z بنسبة { $along_z }%.
    [h-shrinks] لا يدير المتجه إلا الجزء المتعامد. ونسبته إلى الجزء الموازي في المتوسط { $h } في h و{ $z } في z؛ وعلى امتداد الاتجاه نفسه يتقلص h بنسبة { $along_h }% ويزداد z بنسبة { $along_z }%.
    [z-shrinks] لا يدير المتجه إلا الجزء المتعامد. ونسبته إلى الجزء الموازي في المتوسط { $h } في h و{ $z } في z؛ وعلى امتداد الاتجاه نفسه يزداد h بنسبة { $along_h }% ويتقلص z بنسبة { $along_z }%.
   *[grow] لا يدير المتجه إلا الجزء المتعامد. ونسبته إلى الجزء الموازي في المتوسط { $h } في h و{ $z } في z؛ وعلى امتداد الاتجاه نفسه يزداد h بنسبة { $along_h }% ويزداد z بنسبة { $along_z }%.
}
figure-theorems-damage = عند الرمز { $token } من النص تصنع ثلاثة رموز من المفردات كلها { $percent }% من ⁨Var_p(Δz)⁩، ومن ثَمّ من KL. وأكبرها «⁨{ $largest }⁩»: ⁨p = { $p }⁩، والوزن ⁨r = { $r }⁩، و⁨Δz = { $delta }⁩ قياسًا إلى المتوسط.
figure-theorems-share-p = نسبة من ⁨Var_p(Δz)⁩، KL
figure-theorems-share-r = نسبة من ⁨Var_r(Δz)⁩، ⁨cos p⁩
figure-theorems-axis-variance = نسبة من التباين

# tokens.rs: أرجح الرموز.
figure-tokens-next = من أرجح رموز النموذج الكامل، وعددها { $count }، { $shared ->
    [zero] لم يبقَ أي رمز
    [one] بقي رمز واحد
    [two] بقي رمزان
   *[few] بقيت { $shared } رموز
 } بين أرجح رموز النموذج المقلَّم. وتنتقل فرصة «⁨{ $name }⁩» من { $from }% إلى { $to }%؛ وجيب التمام في اللوجيتات ⁨{ $cos_z }⁩ وفي الاحتمالات ⁨{ $cos_p }⁩.
figure-tokens-next-repaired = وعدد الباقي منها بعد الإصلاح { $shared }، وفرصة «⁨{ $name }⁩» { $probability }%، وجيبا التمام ⁨{ $cos_z }⁩ و⁨{ $cos_p }⁩.
figure-tokens-bar-missing = يغيب العمود حيث لا يكون الرمز بين أرجح عشرة رموز في ذلك النموذج.
figure-tokens-column-token = الرمز
figure-tokens-column-repaired = ⁨{ $change }⁩ بعد الإصلاح
figure-tokens-parts = ⁨Δz∥ = α z⁩ حيث ⁨α = { $alpha }⁩: يضرب هذا اللوجيتات كلها في عدد واحد، كما تفعل درجة حرارة أخرى. أما ترتيبها فلا يغيّره إلا ⁨Δz⊥⁩.
figure-tokens-parts-repaired = ⁨Δz∥ = α z⁩ حيث ⁨α = { $alpha }⁩، وبعد الإصلاح ⁨{ $repaired }⁩: يضرب هذا اللوجيتات كلها في عدد واحد، كما تفعل درجة حرارة أخرى. أما ترتيبها فلا يغيّره إلا ⁨Δz⊥⁩.

# verdict.rs: ما تعنيه أعداد رمز واحد. بلا نقطة في آخرها، فالصفحة تضيفها.
figure-verdict-angle = زاوية قدرها ⁨{ $degrees }°⁩
figure-verdict-not-finite = بعض الأعداد غير منتهية (NaN أو لانهاية)، فلا يمكن المقارنة بين النموذجين
figure-verdict-alike = { $token ->
    [1] عند الرمز الأول لا تكاد الاحتمالات تتغير
   *[other] عند الرمز { $token } لا تكاد الاحتمالات تتغير
}
figure-verdict-slips = { $token ->
    [1] عند الرمز الأول تبقى الحالة الخفية واللوجيتات متقاربة، لكن الاحتمالات تبدأ بالتباعد
   *[other] عند الرمز { $token } تبقى الحالة الخفية واللوجيتات متقاربة، لكن الاحتمالات تبدأ بالتباعد
}
figure-verdict-slips-behind-logits = { $token ->
    [1] عند الرمز الأول تبقى اللوجيتات متقاربة، لكن الاحتمالات تبدأ بالتباعد
   *[other] عند الرمز { $token } تبقى اللوجيتات متقاربة، لكن الاحتمالات تبدأ بالتباعد
}
figure-verdict-apart = { $token ->
    [1] عند الرمز الأول ما زالت اللوجيتات تبدو متشابهة، لكن الاحتمالات افترقت
   *[other] عند الرمز { $token } ما زالت اللوجيتات تبدو متشابهة، لكن الاحتمالات افترقت
}
figure-verdict-logits-moved = { $token ->
    [1] عند الرمز الأول تحركت اللوجيتات، لكن الاحتمالات ما زالت متفقة
   *[other] عند الرمز { $token } تحركت اللوجيتات، لكن الاحتمالات ما زالت متفقة
}
figure-verdict-lost = { $token ->
    [1] عند الرمز الأول تضيع الإشارة قبل اللوجيتات
   *[other] عند الرمز { $token } تضيع الإشارة قبل اللوجيتات
}
# ما يفعله الإصلاح بالاحتمالات؛ جملة بعد واحدة من تلك.
figure-verdict-repaired = { $token ->
    [1] عند الرمز الأول يعيد الإصلاح الاحتمالات (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
   *[other] عند الرمز { $token } يعيد الإصلاح الاحتمالات (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
}
figure-verdict-repaired-in-part = { $token ->
    [1] عند الرمز الأول يعيد الإصلاح جزءًا من الاحتمالات (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
   *[other] عند الرمز { $token } يعيد الإصلاح جزءًا من الاحتمالات (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
}
figure-verdict-repaired-not = { $token ->
    [1] عند الرمز الأول لا ينفع الإصلاح (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
   *[other] عند الرمز { $token } لا ينفع الإصلاح (⁨cos p { $now }⁩ بدلًا من ⁨{ $before }⁩)
}

# weights.rs: ما فعلته الخطة بالأوزان.
figure-weights-mask = الصفوف الأولى ({ $rows }) والأعمدة الأولى ({ $columns }) من المصفوفة ⁨{ $matrix }⁩ في الطبقة { $layer }: { $zeros }% من هذه الأوزان أصفار (بالأبيض).
figure-weights-memory = تحتاج مصفوفات الطبقات إلى ⁨{ $plan } MB⁩ بدلًا من ⁨{ $dense } MB⁩ بالدقة النصفية: التوفير ⁨{ $saved }%⁩.
# واحدة من هذه الثلاث قبل figure-weights-memory.
figure-weights-not-edited = لم تُعدَّل أي أوزان.
figure-weights-edited = { $matrices ->
    [one] عُدِّلت مصفوفة واحدة
    [two] عُدِّلت مصفوفتان
    [few] عُدِّلت { $matrices } مصفوفات
   *[other] عُدِّلت { $matrices } مصفوفة
}، وفي المتوسط { $zeros }% من أوزانها أصفار والتغير النسبي { $change }.
figure-weights-edited-calibrated = { $matrices ->
    [one] عُدِّلت مصفوفة واحدة
    [two] عُدِّلت مصفوفتان
    [few] عُدِّلت { $matrices } مصفوفات
   *[other] عُدِّلت { $matrices } مصفوفة
}، وجرى الاختيار على { $tokens } من رموز نص المعايرة، وفي المتوسط { $zeros }% من أوزانها أصفار والتغير النسبي { $change }.
