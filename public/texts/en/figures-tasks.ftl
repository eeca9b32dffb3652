# Charts, and what they say of tasks and comparisons (crates/figures/src/chart, and in crates/figures/src/figure: choice.rs, compare.rs,
# fidelity.rs, judged.rs, layers.rs, repair.rs, retrieval.rs, search.rs). Numbers with decimals are given as texts.

# The models, in legends, tables and above ranks.
figure-dense = dense
figure-pruned = pruned
figure-repaired = repaired

# Names of axes, and units at the vertical axis.
figure-axis-generated-token = generated token
figure-axis-kl = KL(dense ‖ pruned), nats
figure-axis-next-token = probability of the next token
figure-unit-cosine = cosine
figure-unit-logits = logits
figure-unit-logits-squared = logits²
figure-unit-nats = nats
figure-unit-share-of-h = share of ‖h‖
figure-unit-share-of-z = share of ‖z‖

# Any chart. $name is a line's name in the legend; these are columns of the table beside it.
figure-lowest = { $name } lowest
figure-highest = { $name } highest
# $why comes from what draws.
figure-not-drawn = the chart could not be drawn: { $why }
# The legend of a picture of a matrix: its coloured cells.
figure-heat-kept = kept, the larger the stronger
# Ranks on two sides: the legend (of a rank that pruning changes), the table's first column, and a label (little space).
figure-slope-better = as good or better
figure-slope-worse = worse
figure-slope-query = query
figure-slope-rank = rank { $rank }

# Multiple choice.
figure-choice-vocabulary = Whole vocabulary: { $shared } of 6 likeliest tokens shared; cos z { $cos_z }, cos p { $cos_p }, KL(dense ‖ pruned) { $kl } nats.
figure-choice-axis = probability among the letters
# $dense, $pruned and $repaired are letters of options; $repaired is "none" where there is no repaired model.
figure-choice-options = Letters alone: { $agreement ->
    [same] both choose { $dense }
   *[other] dense chooses { $dense }, pruned { $pruned }
 }, with margins { $dense_margin } and { $pruned_margin }{ $repaired ->
    [none] {""}
   *[other] ; repaired chooses { $repaired }, with margin { $repaired_margin }
 }; cos z { $cos_z }, cos p { $cos_p }, KL(dense ‖ pruned) { $kl } nats.
# The last row of the scores by topic: all questions.
figure-choice-all = all
# Right answers; $low and $high are percent.
figure-choice-right = Dense { $dense } of { $dense_of }, pruned { $pruned } of { $pruned_of } right (95 % interval { $low } to { $high } %); the same choice on { $agreement }.
# As long as not all questions are answered; $right is the sentence above.
figure-choice-so-far = So far, { $of } of { $all } questions: { $right }
figure-choice-repaired = Repaired { $right } of { $of }.
figure-choice-flips = Flips, { $model }: { $flipped } of { $of } answers ({ $percent } %) change between right and wrong, { $to_wrong } to wrong and { $to_right } to right; { $to_other } more change from one wrong answer to another.
figure-choice-guessing = Guessing would give { $percent } %.

# Several plans side by side: titles of charts, and the sentence below each. $means is a list of names with numbers.
figure-compare-h = Cosine of hidden states
figure-compare-z = Cosine of logits
figure-compare-p = Cosine of probabilities
figure-compare-dz = √mean(Δz²)
figure-compare-kl = KL(dense ‖ pruned)
figure-compare-fixed-p = Cosine of p on the dense text
figure-compare-fixed-kl = KL on the dense text
figure-compare-theorem-2 = Theorem 2's estimate of 1 − cos p
figure-compare-theorem-3 = Theorem 3's estimate of KL
figure-compare-turn-h = Δh⊥: how far h turns
figure-compare-turn-z = Δz⊥: how far z turns
figure-compare-mean = Mean: { $means }.

# Distance from the dense model on a text: the table's columns, and the sentence above it.
figure-fidelity-model = model
figure-fidelity-mean = KL, mean
figure-fidelity-median = KL, median
figure-fidelity-same-top = same top token
figure-fidelity-loss = loss
figure-fidelity-summary = On { $tokens } tokens of the retrieval set's passages, which no fit has seen (KL(dense ‖ model) in nats at each position, loss −log p of the next token, T = 1){ $repair ->
    [not-applied] : the repair is not applied, since it did not help on the tokens kept out of its fit.
    [gain] : the repair takes away { $share } % of the mean KL.
    [no-gain] : the repair does not lower the mean KL.
   *[none] {"."}
 }

# Distance from the dense model on texts of several kinds: the names of the texts, the columns of both tables, and the sentence above them.
figure-texts-all = all texts
figure-texts-prose = prose
figure-texts-dialogue = dialogue
figure-texts-code = code
figure-texts-lists = lists
figure-texts-numbers = numbers
figure-texts-german = German
figure-texts-tokens = { $kind }, { $tokens } tokens
figure-texts-model = model
figure-texts-kl-mean = KL, mean
figure-texts-kl-median = median
figure-texts-kl-share = { $share } %
figure-texts-kl-max = largest
figure-texts-same-top = same top token, %
figure-texts-delta-p = Δp, mean, %
figure-texts-delta-p-rms = Δp, RMS, %
figure-texts-perplexity = perplexity, model / dense
figure-texts-plan = plan
figure-texts-memory = memory
figure-texts-ratio = perplexity over dense
figure-texts-summary = { $done } of { $total } windows of { $window } tokens; in each the second half is scored, { $tokens } tokens so far. KL(dense ‖ model) in nats: its mean, and the values below which so many percent of the tokens lie; Δp: the change of the right token's probability; ±: the standard error. As llama-perplexity reports them.

# What a plan saves, measured: the columns, and the sentence above the table.
figure-speed-prefill = tokens read a second
figure-speed-decode = tokens written a second
figure-speed-cache = KV cache
figure-speed-matrices = matrices
figure-speed-summary = Each model alone reads { $prompt } tokens at once and writes { $written }, on { $threads ->
    [0] the GPU
    [one] one thread
   *[other] { $threads } threads
 } of this machine; the fastest of three times. KV cache: of { $cached } tokens in half precision. Matrices: of the blocks, as the file stores them or the plan would.

# The picture of the plans compared on texts: its axes, its kinds of points, its line, and the sentence below it. $frontier lists plans, the nearest to
# the dense model first.
figure-pareto-memory = memory of the blocks' matrices, MB
figure-pareto-kl = KL from the dense model, nats
figure-pareto-error = standard error
figure-pareto-other = second model
figure-pareto-frontier = frontier
figure-pareto-told = { $count ->
    [one] One plan
   *[other] { $count } plans
 } beside the dense model; bars: one standard error. On the frontier, where nothing else here is both as { $axis ->
    [memory] small
   *[speed] fast
 } and as near to the dense model: { $frontier }.
figure-pareto-one = Compare another plan to see a frontier.

# The table of plans that were judged: its columns, its cells, and the sentence below it.
figure-judged-plan = plan
figure-judged-matrices = blocks' matrices, file → plan
figure-judged-repair = repair keeps
figure-judged-not-applied = not applied
figure-judged-numbers = { $count } numbers
# Items right in the dense, the pruned and the repaired model, of all items, and the verdict in words.
figure-judged-score = { $dense } → { $pruned } of { $of }: { $verdict }
figure-judged-score-repaired = { $dense } → { $pruned } → { $repaired } of { $of }: { $verdict }
# Memory in the model's file and under the plan.
figure-judged-memory = { $file } → { $plan } MB: { $change ->
    [none] nothing saved
    [more] { $percent } % more
   *[less] { $percent } % less
 }
# $name is the plan's name, $plan its short form in links.
figure-judged-better = “{ $name }” ({ $plan }) takes no more memory than the plan judged last, and has at least as many right on every set.

# Cosine by layer, each sublayer alone pruned.
figure-layers-axis = layer
figure-layers-cosine = cosine similarity
figure-layers-attention = { $change ->
    [weights] Pruning the weights of one attention sublayer alone leaves the logits at { $z } or better; the probabilities fall to { $p }, at layer { $layer }.
   *[drop] Dropping one attention sublayer alone leaves the logits at { $z } or better; the probabilities fall to { $p }, at layer { $layer }.
 }
figure-layers-mlp = { $change ->
    [weights] Pruning the weights of one MLP sublayer alone leaves the logits at { $z } or better; the probabilities fall to { $p }, at layer { $layer }.
   *[drop] Dropping one MLP sublayer alone leaves the logits at { $z } or better; the probabilities fall to { $p }, at layer { $layer }.
 }

# The repair in words. $form is what replaces a sublayer ("a scale and a bias"); $without and $with are KL in nats.
figure-repair-fitted = Each dropped sublayer is replaced by { $form }, fitted on { $tokens } tokens of the calibration text{ $answers ->
    [0] {""}
   *[other] {" "}and of { $answers } answers of the dense model
 }; on { $held_out } tokens that the fit had not seen, KL(dense ‖ pruned) is { $without } nats without it and { $with } with it.
figure-repair-kept = { $numbers } numbers are kept ({ $size }).
figure-repair-not-applied = Not applied, because it does not help: with { $form }, on { $held_out } tokens that the fit had not seen, KL(dense ‖ pruned) is { $without } nats without it and { $with } with it.
figure-repair-is-pruned = The model below is the pruned one.
figure-repair-kilobytes = { $size } kB in half precision
figure-repair-megabytes = { $size } MB in half precision
# What stands between thousands in a whole number.
figure-repair-thousands = ,
# The repair at the LM head. $parts are one or both of the two that follow, with "; " between.
figure-repair-head-fitted = At the head, fitted on { $tokens } tokens of the calibration text and checked on { $held_out } others: { $parts }.
# Behind the sentence on sublayers, which names the tokens.
figure-repair-head = At the head, on the same tokens: { $parts }.
figure-repair-bias = { $applied ->
    [yes] an offset of h, { $length } of its length, takes KL from { $before } to { $after } nats
   *[no] an offset of h, { $length } of its length, takes KL from { $before } to { $after } nats, so it is not applied
 }
figure-repair-temperature = { $applied ->
    [yes] dividing the logits by { $divisor } takes KL from { $before } to { $after } nats
   *[no] dividing the logits by { $divisor } takes KL from { $before } to { $after } nats, so it is not applied
 }
figure-repair-full = The full map leaves { $full } nats where the smaller repair leaves { $smaller }, on { $tokens } tokens that neither fit had seen, { $verdict ->
    [used] so it is used
    [used-though-worse] though it is used
    [better] so it would be better
   *[not-used] so it is not used
 }.

# Retrieval: how a passage's vector is made of its tokens, for how many queries the right passage comes first or among five,
# and the dense model's numbers.
figure-retrieval-ranked = Vectors from the { $pooling ->
    [mean] mean of the tokens
   *[last] last token
 }: the right passage is first for { $first } of { $of } queries (dense { $dense_first }), among five for { $among_five } (dense { $dense_among_five }). Kendall's τ of both orders is { $tau }; the vectors keep a cosine of { $cosine }.
figure-retrieval-repaired = Repaired: first for { $first }, among five for { $among_five }.
figure-retrieval-flips = Flips, { $model }: { $flipped } of { $of } queries ({ $percent } %); for { $to_wrong } the right passage is no longer first, for { $to_right } it now is.

# Searches for sublayers to drop. $method is a search's name.
figure-search-axis = sublayers dropped
figure-search-then-repaired = { $method }, then repaired
figure-search-lower = A lower line is closer to the dense model, on text that neither search nor repair has seen.
# A search and the distance of its plan, in the next sentence's four arguments.
figure-search-found = { $method } ({ $kl } nats)
figure-search-closest = { $count ->
    [one] With { $count } sublayer dropped, the closest to the dense model is { $first }, before { $second }; repaired, { $first_repaired }, before { $second_repaired }. KL on text that neither search nor repair has seen.
   *[other] With { $count } sublayers dropped, the closest to the dense model is { $first }, before { $second }; repaired, { $first_repaired }, before { $second_repaired }. KL on text that neither search nor repair has seen.
 }
