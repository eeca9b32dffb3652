# The views below the first screen and their charts (src/page/views, src/page/chart_view.rs).

# The names of the views, which are tabs and entries of a menu. Other messages here refer to them by these names.
views-layers = Layer by layer
views-steps = Token by token
views-theorems = Theorems
views-tokens = Top tokens
views-choice = Multiple choice
views-retrieval = Retrieval
views-compare = Compare
views-sweep = Sweep and advice
views-search = Search
views-weights = Weights
views-charts = Charts
# Stands before the menu of the views.
views-menu = View
# Stands before a slider.
views-temperature = Temperature of the analysis
# A button that sets the temperature of the analysis to that of the sampling.
views-as-decoding = as decoding
# Buttons that continue a measurement, or show what it found.
views-go-on = Go on
views-show-again = Show again
# How far a search (of plans) or a sweep (over points) is.
views-progress = { $things ->
    [plans] { $done } of { $total } plans
   *[points] { $done } of { $total } points
    }
# $left is a duration, such as "40 s".
views-progress-left = { $things ->
    [plans] { $done } of { $total } plans, about { $left } left
   *[points] { $done } of { $total } points, about { $left } left
    }

# Any chart. $title is its title.
chart-computing = Computing…
chart-not-recorded = Not recorded: it is computed once the model is loaded.
chart-no-model = No model is loaded.
chart-not-computed = Not computed: see what went wrong above.
chart-not-finite = Some numbers are not finite (NaN or infinite), so these say nothing.
# For screen readers.
chart-canvas = Chart: { $title }. Arrow keys read its values; a table follows.
chart-table = Numbers as a table
chart-as-table = { $title }, as a table
# The name of the buttons that save a chart as a file.
chart-save = Save: { $title }

# Layer by layer.
layers-lead = If this one sublayer alone were pruned, how similar would the dense model stay right there? Logits hardly notice; probabilities do.
layers-lines = Lines: mean over { $count } generated token(s); bands: lowest to highest.
# Two boxes to tick.
layers-drop = drop the sublayer in place of pruning its weights as the plan does
layers-with-norm = with the final norm before the LM head (“logit lens”); the paper's script leaves it out
layers-attention = One attention sublayer
layers-mlp = One MLP sublayer
layers-waiting = The plan edits no such matrices, or they are being computed.

# Token by token. $surprise is the place of the word below, which is explained when it is pointed at.
steps-lead = Solid: each model reads its own text, so errors feed back. Dashed: both read the dense model's text. The area between the two is what the feedback adds. The repaired model has lines in a colour of its own. Variants of “Compare” lie over it by name (in the first chart their h). The last chart shows the dense model's { $surprise } at each word.
steps-surprise = surprise
steps-hidden-logits = Hidden state and logits
steps-probabilities = Probabilities
steps-kl = KL(dense ‖ pruned)
steps-collapse = Collapse of the text

# Theorems.
theorems-lead = How well do the paper's estimates hold here? Solid: measured. Dashed: the second-order estimate from Δz. They lie on each other while Δz is small; where they part by more than half, the place is shaded.
# A menu: its name, then its entries.
theorems-along = Along
theorems-along-dense = the dense text, which both models read
theorems-along-own = the texts that each model writes
theorems-along-attention = the layers: each attention sublayer alone
theorems-along-mlp = the layers: each MLP sublayer alone
theorems-divergence = Theorem 3: KL ≈ Var_p(Δz) / 2T²
theorems-probabilities = Theorem 2: 1 − cos p ≈ Var_r(Δz) / 2T²
theorems-logits = Theorem 1 for the logits
theorems-hidden = Theorem 1 for the hidden states
theorems-parts = Parallel and orthogonal parts
theorems-damage = Which tokens' Δz does the damage at the chosen token

# Top tokens. $token is the number of a token.
tokens-lead = The tokens that any of the models finds likeliest at token { $token }, with the probability that each gives them. The slider above chooses the token.
tokens-next = Next token in each model
tokens-logits = What pruning did to their logits
tokens-parts = What pruning did to the logits

# Multiple choice.
choice-lead = Does the pruned model still choose the right answer? It takes one step, and nothing is fed back: of all tokens only the options count.
choice-all = All questions
# A menu: its name, then its entries.
choice-scoring = Scored by
choice-by-cloze = cloze: the likeliest option text
choice-by-letter = letter: the likeliest letter
# Names a field for a file. The words in brackets that such a file contains stay: question, choices, answer.
choice-own = Your own questions (JSON lines with question, choices, answer)
choice-built-in = built-in questions
# The table of scores, and the heads of its columns.
choice-scores = Score by topic
choice-topic = topic
choice-dense-right = dense right
choice-pruned-right = pruned right
choice-repaired-right = repaired right
choice-same = same choice
# Right answers out of all.
choice-part = { $right } of { $of }
choice-one = One question
# Stands before a menu of the questions.
choice-question = Question
choice-previous = previous
choice-next = next
# The table of the answers to one question: the heads of its columns, then those of its rows.
choice-answers = What both models answer
choice-scored = scored by
choice-dense-answers = dense answers
choice-pruned-answers = pruned answers
choice-repaired-answers = repaired answers
choice-cloze = cloze
choice-letter = letter
# $choice is the option that a model chooses, $margin how far its score is from the next one's.
choice-answer = { $mark ->
    [right] { $choice } (right, margin { $margin })
   *[wrong] { $choice } (wrong, margin { $margin })
    }
choice-vocabulary = Whole vocabulary, where the letter comes
choice-options = The options alone

# Retrieval.
retrieval-lead = Passages and queries become vectors from the final hidden states, less the mean of all passages, and are ranked by cosine. Nothing goes through softmax and nothing is fed back.
retrieval-size = { $passages } passages and { $queries } queries, each answered by one passage.
# Names a field for a file. The words in brackets that such a file contains stay: id, passage, query, answer.
retrieval-own = Your own set (JSON lines: id and passage, or query and answer)
retrieval-built-in = built-in set
retrieval-mean = Rank of the right passage, mean of the tokens
retrieval-last = Rank of the right passage, last token

# Compare.
compare-lead = Up to four plans answer the same question; all lines are against the dense model. The plans are in the link.
compare-add = Add the current plan
# Buttons that choose the plans so named: sublayers dropped (A attention, M MLP), bits, sparsity.
compare-methods = Drop-8A, 4-bit, 50 %, 4:8
compare-drops = Drop-4A, 8A, 4M, 8M
compare-waiting = Add a plan to compare.
# A box to tick.
compare-more = more: on the dense text, the theorems' estimates, how far the vectors turn
compare-name = Name of the variant
compare-edit = edit
compare-remove = Remove this variant
compare-texts = The same question, answered by each
# The table of the texts, and the heads of its columns.
compare-answers = What each plan writes
compare-plan = plan
compare-writes = writes
compare-cosine = cos p, first token
compare-kl = KL, first token
compare-saved = memory saved
# The row of the dense model.
compare-dense = Dense

# Sweep and advice.
sweep-lead = How do task scores fall as more is removed? Each point puts a sample of multiple-choice questions, retrieval queries and prompts with exact answers to the pruned model. This takes minutes; points appear one by one, and a stopped sweep goes on where it was.
# A menu: its name, then its entries.
sweep-vary = Vary
sweep-by-layers = dropped sublayers and blocks
sweep-by-sparsity = sparsity: magnitude and Wanda
sweep-by-bits = bits: round to nearest, AWQ and GPTQ
# Stands before a field for a number.
sweep-sample = items of each set (0: all)
sweep-start = Start the sweep
# Names the button above.
sweep-waiting = Press Start the sweep.
sweep-choice = Multiple choice (one step)
sweep-retrieval = Retrieval (reads h)
sweep-generation = Generation (fed back)
sweep-verdicts = What is the current plan good for?
sweep-judge = Judge “{ $plan }”
sweep-judge-hint = The dense, the pruned and, if there is one, the repaired model do the same sample of every set; arithmetic and structure are asked here only, not in the sweep.
# $purpose is what a model is used for, such as "Retrieval"; $verdict is the place of a word such as "safe".
sweep-verdict = { $purpose }: { $verdict }
sweep-next = What to do next
sweep-written = Prompts with exact answers, and what the models wrote
sweep-written-hint = Prompts of arithmetic and structure follow worked examples, and the models end the line.
# The table of these prompts, and the heads of its columns: what the dense, the pruned and the repaired model wrote.
sweep-exact = Exact answers
sweep-prompt = prompt
sweep-dense = dense
sweep-pruned = pruned
sweep-repaired = repaired
sweep-judged = Plans judged so far
sweep-judged-hint = Items right in the dense, the pruned and the repaired model. Memory: matrices that a plan leaves alone count as the file stores them, weights that are kept but not rounded in half precision.
# The name of the button that saves the table as a file.
sweep-judged-save = Save: plans judged so far
# How far the models are from the dense one on a text: a button, its explanation, and the name of the table.
fidelity-start = Compare on a text
fidelity-hint = How far the pruned and, if there is one, the repaired model are from the dense one at every word of a text, whatever the prompt.
fidelity-table = Distance from the dense model
texts-start = Compare on six kinds of text
# The same where the visitor's own texts are read.
texts-start-own = Compare on { $count ->
    [one] { $name }
   *[other] { $count } texts
 }
texts-hint = What quantizers report, on prose, dialogue, code, lists, numbers and German. Takes a minute or two; the tables fill as it reads.
texts-own = Your own texts (.txt)
texts-not-fetched = The texts could not be fetched ({ $why }): check the network connection and try again.
texts-built-in = the built-in texts again
texts-table = Distance from the dense model by kind of text
texts-plans = Plans compared so far
texts-plans-hint = ★: no other plan here is both as small and as near to the dense model. Press a plan, or its point, to set it. Speeds are those of “Measure what it saves”.
# The picture above the table: its name, the menu of its horizontal axis, and what stands there before a speed is measured.
texts-picture = Distance from the dense model, against what is saved
texts-axis = Against
texts-no-speed = No compared plan has a measured speed yet: press Measure what it saves.
speed-start = Measure what it saves
speed-hint = How fast the dense, the pruned and the repaired model read and write, each alone, on this machine, and what they take. Some ten seconds.
speed-table = Speed and memory

# Search.
search-lead = Which sublayers can go? Ranked once by importance, ranked in one list, ranked again after each drop, one contiguous stretch of blocks, or greedily by what each drop does to the probabilities on the calibration text; the last of these also with a repair in mind. Every plan is then compared with the dense model on a text that neither search nor repair has seen. This takes minutes; plans appear one by one, and a stopped search goes on where it was.
# In one line: this word, the menu of the three entries, then the next words and a field for a number.
search-drop = Drop
search-among-both = attention and MLP
search-among-attention = attention
search-among-mlp = MLP
search-budget = sublayers at most
search-start = Start the search
# Names the button above.
search-waiting = Press Start the search.
search-distance = Distance from the dense model
search-plans = The plans, of each number the closest first
# Names the button “judge” below.
search-hint = Each KL, in nats, is a link that sets its plan. “Judge” measures what the plan is good for, with and without repair, in Sweep and advice.
# The table of the plans, and the heads of its columns.
search-found = Plans that the search found
search-method = search
search-dropped = dropped
search-plan = plan
search-kl = KL
search-kl-repaired = KL, repaired
search-scores = scores
search-judge = judge
# For screen readers. $plan is a plan as it stands in links.
search-set = KL { $kl }: set the plan { $plan }

# Weights.
weights-waiting = Choose a method under “Remove weights” or “Round weights” above.
weights-none = Nothing is edited, so there is no table.
# The table of the matrices, and the head of its first column.
weights-zeros = Zeros of each matrix
weights-layer = layer
# Over a cell of the table, which is a button.
weights-change = relative change { $change }; click for its picture
weights-corner = Corner of a matrix
