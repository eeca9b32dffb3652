# Sentences and labels of the figures that are made from a run, the sweep and the weights (crates/figures/src/figure: steps.rs, sweep.rs,
# text_change.rs, theorems.rs, tokens.rs, verdict.rs, weights.rs). Numbers with decimals come as texts.

# steps.rs: metrics over the generated tokens.
# $name is the name of a line: h, z, p or KL, or the same of the repaired model (figure-steps-repaired-name).
figure-steps-on-dense-text = { $name } on the dense text
# $name is h, z, p or KL. A comma and a blank must follow it: what stands before them is written at the line's end.
figure-steps-repaired-name = { $name }, repaired
# Name of the vertical axis.
figure-steps-cosine = cosine similarity
# Name of the vertical axis: the loss of the dense model.
figure-steps-loss = −log p of the dense model
# Cosines.
figure-steps-hidden-and-logits = Over the text the hidden states keep a cosine of { $h } on average, the logits { $z }.
figure-steps-hidden-and-logits-repaired = Repaired: { $h } and { $z }.
figure-steps-probabilities = The probabilities keep { $own } on average on the pruned model's own text, { $fixed } when it reads the dense text.
figure-steps-probabilities-so-far = The probabilities keep { $own } on average so far.
# $own: mean KL on the pruned model's own text, $fixed: mean KL on the dense model's text.
figure-steps-kl-reworded = Mean KL is { $fixed } nats on the dense text. On its own text it is { $own }, but that text is only worded in another way: place by place the two models read different words there, which is no damage.
# $share is a percentage.
figure-steps-kl-feedback = Mean KL is { $own } nats on its own text, { $fixed } on the dense text: the shaded feedback is { $share } % of it.
figure-steps-kl-no-feedback = Mean KL is { $own } nats on its own text and { $fixed } on the dense text: here the feedback adds nothing.
figure-steps-kl-so-far = Mean KL is { $own } nats so far.
# Follows one of the sentences above. $unit is nats (KL) or none (a cosine).
figure-steps-repaired-means = { $unit ->
    [nats] Repaired: { $own } nats on its own text, { $fixed } on the dense text.
   *[none] Repaired: { $own } on its own text, { $fixed } on the dense text.
}
figure-steps-repaired-so-far = { $unit ->
    [nats] Repaired: { $own } nats so far.
   *[none] Repaired: { $own } so far.
}
# Names of lines: the loss at each token of the text that a model wrote.
figure-steps-dense-text = dense text
figure-steps-pruned-text = pruned text
figure-steps-repaired-text = repaired text
# $dense and $pruned are losses; $pairs and $runs are percentages of the pruned text, $dense_pairs and $dense_runs of the dense one.
figure-steps-collapse = The dense model is surprised by { $dense } nats a token of its own text and by { $pruned } of the pruned text, of whose token pairs { $pairs } % are different (dense { $dense_pairs } %) and whose runs of three repeat in { $runs } % (dense { $dense_runs } %).
# Follows figure-steps-collapse.
figure-steps-collapse-repaired = Of the repaired text it is surprised by { $loss }; { $pairs } % of the pairs are different, { $runs } % of the runs repeat.

# sweep.rs: scores against the amount of pruning.
# What is scored, at the beginning of figure-sweep-told.
figure-sweep-choice = Multiple choice
figure-sweep-retrieval = Retrieval
figure-sweep-generation = Exact answers
# Names of lines: what is pruned, or how. In the legend, and in figure-sweep-line.
figure-sweep-attention = attention
figure-sweep-blocks = blocks (ShortGPT)
figure-sweep-magnitude = magnitude
figure-sweep-round-to-nearest = round to nearest
figure-sweep-attention-repaired = attention, repaired
figure-sweep-mlp-repaired = MLP, repaired
# Names of the horizontal axis.
figure-sweep-axis-layers = sublayers or blocks dropped, the least important first
figure-sweep-axis-sparsity = weights removed, percent
figure-sweep-axis-bits = bits of a weight (16: not rounded)
# Name of the vertical axis: the share of items that are right.
figure-sweep-right = right
# How one line falls: $from and $to are percentages, $at is where on the horizontal axis the last point is.
figure-sweep-line = { $line } from { $from } to { $to } % at { $at }
# $lines: one or more figure-sweep-line, with commas between them. $items: questions, queries or prompts.
figure-sweep-told = { $score }: { $lines }; { $items } items a point, the bands are 95 % intervals.
# The same while some points have fewer items than others.
figure-sweep-refining = { $score }: { $lines }; from { $fewest } to { $items } items a point so far, the bands are 95 % intervals.
# The same as long as no line has two points.
figure-sweep-items = { $items } items a point; the bands are 95 % intervals.

# text_change.rs: what became of the pruned text.
# $parting is one of the messages below, "at token 6 “hot” instead of “cold”".
figure-text-change-same = Same: the pruned model writes the dense model’s text.
figure-text-change-answered = Reworded: other words, but the answer is still there ({ $parting }).
figure-text-change-reworded = Reworded: other words, which the dense model finds as likely as its own ({ $parting }).
figure-text-change-wrong = Wrong: { $parting }, and the answer is lost.
figure-text-change-off-course = Off course: { $parting }, and the dense model would hardly write the rest.
figure-text-change-babble = Babble: { $parting }, and then the text falls apart.
# Follows one of those: the repaired model's text.
figure-text-change-repaired-same = Repaired: the dense model’s text again.
figure-text-change-repaired-answered = Repaired: other words, and the answer is there.
figure-text-change-repaired-reworded = Repaired: other words, as likely to the dense model as its own.
figure-text-change-repaired-off-course = Repaired: still off course.
figure-text-change-repaired-babble = Repaired: still babble.
# Where the texts part, for the middle of a sentence. $pruned and $dense are tokens; "end" is the end of the text, "nothing" a token that the
# pruned text lacks.
figure-text-change-parting = at token { $token }
figure-text-change-word-for-word = at token { $token } “{ $pruned }” instead of “{ $dense }”
figure-text-change-word-for-end = at token { $token } “{ $pruned }” instead of the end
figure-text-change-end-for-word = at token { $token } the end instead of “{ $dense }”
figure-text-change-end-for-end = at token { $token } the end instead of the end
figure-text-change-nothing-for-word = at token { $token } nothing instead of “{ $dense }”
figure-text-change-nothing-for-end = at token { $token } nothing instead of the end
# $runs and $dense_runs are percentages, $loss and $dense_loss nats.
figure-text-change-collapsed-repeats = The text has collapsed: { $runs } % of its runs of three tokens repeat (dense { $dense_runs } %).
figure-text-change-collapsed-surprises = The text has collapsed: it surprises the dense model by { $loss } nats a token (its own text by { $dense_loss }).
figure-text-change-collapsed-both = The text has collapsed: { $runs } % of its runs of three tokens repeat (dense { $dense_runs } %), and it surprises the dense model by { $loss } nats a token (its own text by { $dense_loss }).

# theorems.rs: measured values against estimates.
# Names of the horizontal axis.
figure-theorems-axis-dense-text = token of the dense text
figure-theorems-axis-layer = layer
# Name of a dashed line. $name is what is estimated: "1 − cos h", "KL".
figure-theorems-estimate = estimate of { $name }
figure-theorems-holds = The estimate stays within { $percent } % of the truth everywhere here.
figure-theorems-fails = Δz is too large for the second-order estimate: it is more than { $percent } % off everywhere here.
# $places and $all are numbers of places along the axis, $smallest is the smallest true value among the shaded ones.
figure-theorems-fails-in-places = The estimate is more than { $percent } % off at the { $places } of { $all } shaded places, where the truth is { $smallest } or more.
# Name of the vertical axis.
figure-theorems-axis-share = share of ‖x‖
# $h and $z are ratios; $along_h and $along_z percentages, by which h and z shrink or grow. $change: shrink and grow say it of both, h-shrinks
# that h shrinks and z grows, z-shrinks that h grows and z shrinks.
figure-theorems-parts = { $change ->
    [shrink] Only the orthogonal part turns a vector. On average it is { $h } times the parallel part in h and { $z } times in z; along itself h shrinks by { $along_h } % and z shrinks by { $along_z } %.
    [h-shrinks] Only the orthogonal part turns a vector. On average it is { $h } times the parallel part in h and { $z } times in z; along itself h shrinks by { $along_h } % and z grows by { $along_z } %.
    [z-shrinks] Only the orthogonal part turns a vector. On average it is { $h } times the parallel part in h and { $z } times in z; along itself h grows by { $along_h } % and z shrinks by { $along_z } %.
   *[grow] Only the orthogonal part turns a vector. On average it is { $h } times the parallel part in h and { $z } times in z; along itself h grows by { $along_h } % and z grows by { $along_z } %.
}
# $largest is a token of the vocabulary, $token a place in the text.
figure-theorems-damage = At token { $token } of the text, three tokens of the whole vocabulary make { $percent } % of Var_p(Δz), and so of KL. The largest is “{ $largest }”: p = { $p }, weight r = { $r }, Δz = { $delta } against the mean.
# Names of the bars, and of their axis.
figure-theorems-share-p = share of Var_p(Δz), KL
figure-theorems-share-r = share of Var_r(Δz), cos p
figure-theorems-axis-variance = share of the variance

# tokens.rs: the most likely tokens.
# $count and $shared are numbers of tokens, $name is the likeliest token, $from and $to are percentages.
figure-tokens-next = Of the dense model's { $count } likeliest tokens { $shared } are still among the pruned model's. “{ $name }” goes from { $from } to { $to } %; the logits' cosine is { $cos_z }, the probabilities' { $cos_p }.
# Follows figure-tokens-next: how many of these tokens are among the repaired model's.
figure-tokens-next-repaired = Repaired, { $shared } are, “{ $name }” has { $probability } %, and the cosines are { $cos_z } and { $cos_p }.
figure-tokens-bar-missing = A bar is missing where a token is not among that model's ten likeliest.
# Names of a table's columns. $change is Δz∥ or Δz⊥.
figure-tokens-column-token = token
figure-tokens-column-repaired = repaired { $change }
figure-tokens-parts = Δz∥ = α z with α = { $alpha }: it scales all logits alike, as another temperature would. Only Δz⊥ changes their order.
figure-tokens-parts-repaired = Δz∥ = α z with α = { $alpha }, repaired { $repaired }: it scales all logits alike, as another temperature would. Only Δz⊥ changes their order.

# verdict.rs: what the numbers of one token mean. Without a full stop, which the page adds.
figure-verdict-angle = an angle of { $degrees }°
figure-verdict-not-finite = Some numbers are not finite (NaN or infinite), so the models cannot be compared
# $token counts from 1.
figure-verdict-alike = { $token ->
    [1] At the first token the probabilities hardly change
   *[other] At token { $token } the probabilities hardly change
}
figure-verdict-slips = { $token ->
    [1] At the first token hidden state and logits stay close, while the probabilities start to slip
   *[other] At token { $token } hidden state and logits stay close, while the probabilities start to slip
}
figure-verdict-slips-behind-logits = { $token ->
    [1] At the first token the logits stay close, while the probabilities start to slip
   *[other] At token { $token } the logits stay close, while the probabilities start to slip
}
figure-verdict-apart = { $token ->
    [1] At the first token the logits still look similar, but the probabilities have come apart
   *[other] At token { $token } the logits still look similar, but the probabilities have come apart
}
figure-verdict-logits-moved = { $token ->
    [1] At the first token the logits have moved, though the probabilities still agree
   *[other] At token { $token } the logits have moved, though the probabilities still agree
}
figure-verdict-lost = { $token ->
    [1] At the first token the signal is lost before the logits
   *[other] At token { $token } the signal is lost before the logits
}
# What a repair does to the probabilities; follows one of those as a sentence of its own. $now and $before are cosines.
figure-verdict-repaired = { $token ->
    [1] At the first token the repair brings them back (cos p { $now } instead of { $before })
   *[other] At token { $token } the repair brings them back (cos p { $now } instead of { $before })
}
figure-verdict-repaired-in-part = { $token ->
    [1] At the first token the repair brings part of them back (cos p { $now } instead of { $before })
   *[other] At token { $token } the repair brings part of them back (cos p { $now } instead of { $before })
}
figure-verdict-repaired-not = { $token ->
    [1] At the first token the repair does not help (cos p { $now } instead of { $before })
   *[other] At token { $token } the repair does not help (cos p { $now } instead of { $before })
}

# weights.rs: what a plan did to the weights.
# $matrix is query, key, value, output, gate, up or down; $zeros a percentage.
figure-weights-mask = The first { $rows } rows and { $columns } columns of the { $matrix } matrix of layer { $layer }: { $zeros } % of these weights are zero (white).
figure-weights-memory = The blocks' matrices would take { $plan } MB in place of { $dense } MB in half precision: { $saved } % saved.
# One of these three stands before figure-weights-memory. $zeros is a percentage, $change a ratio.
figure-weights-not-edited = No weights are edited.
figure-weights-edited = { $matrices } matrices edited, on average { $zeros } % zeros and a relative change of { $change }.
figure-weights-edited-calibrated = { $matrices } matrices edited, chosen on { $tokens } calibration tokens, on average { $zeros } % zeros and a relative change of { $change }.
