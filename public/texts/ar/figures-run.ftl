# جمل الرسوم التي تُصنع من تشغيل (crates/figures/src/figure: text_change.rs, verdict.rs). The other messages of this file are not translated yet.

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
