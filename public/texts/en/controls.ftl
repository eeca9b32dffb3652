# What the visitor sets (src/page/controls.rs, src/page/compression_controls.rs, src/page/layer_grid.rs), and what the page tells of its
# work (src/page/status.rs).

# The prompt (src/page/controls.rs).
controls-ask = Ask the model
# Read aloud: the name of the row of buttons whose names follow.
controls-examples = Example prompts
controls-example-capital = Capital
controls-example-choice = Choice
controls-example-opposite = Opposite
controls-example-story = Story
controls-example-sums = Sums
# A box to tick: whether the prompt is put into the model's chat template.
controls-chat = as a chat
controls-no-template = This model brings no chat template: untick “as a chat”.
# $name is the name of a model, or … before one is loaded.
controls-model = Model: { $name }
controls-sampling = Sampling
controls-seed = Seed
controls-temperature = Temperature (0 is greedy)
controls-tokens = Tokens to write
controls-top-k = Top-k (0 is all)
controls-top-p = Top-p

# Sparsity and quantization (src/page/compression_controls.rs).
compression-title = Sparsity and quantization
# Before a menu of methods.
compression-remove = Remove weights
compression-remove-method = How weights are chosen for removal
# Before a menu of methods.
compression-round = Round weights
compression-round-method = How weights are rounded
# In both menus of methods: weights are not removed, or not rounded.
compression-none = none
# A method: the smallest weights are removed.
compression-magnitude = Magnitude
# A method: each weight becomes the nearest value that can be stored.
compression-nearest = Round to nearest
compression-pattern = Which share of the weights
# In a menu beside 2:4 and 4:8: a percentage.
compression-ratio = ratio
compression-percent = Share of the weights to remove, in percent
compression-uneven = uneven over layers (OWL)
compression-uneven-hint = Layers with many outliers keep more of their weights; the ratio is the mean over the layers
# $count is 8, 4, 3 or 2.
compression-bits = { $count } bits
compression-bits-label = Bits of a weight
# $size is 32, 64 or 128: that many neighbouring weights share a scale.
compression-group = group { $size }
compression-group-label = Weights that share a scale
# Before a menu of matrices: where weights are removed or rounded.
compression-in = in
compression-matrices = Which matrices
compression-matrices-all = attention and MLP
compression-matrices-attention = attention
compression-matrices-mlp = MLP
# Behind the menu of matrices. $first and $last are fields for numbers, in this order.
compression-layers = layers { $first } to { $last }
compression-first = First layer
compression-last = Last layer
compression-text = Calibration text
compression-text-built-in = Calibration text: built in
compression-text-own = Calibration text: your own
compression-text-hint = Wanda, SparseGPT, OWL, AWQ and GPTQ choose by what the dense model does with this text. Empty: the built-in text of some 2,100 tokens. At most 4,096 tokens are read. A link does not carry your own.
compression-text-placeholder = Paste a text like those your model will read
compression-text-use = Use this text

# The layer switches (src/page/layer_grid.rs).
grid-title = Switch layers off
# Read aloud.
grid-keys = Layers: arrow keys move, space switches, shift with an arrow key switches along
grid-hint = Click or drag. The number is the whole layer, A its attention, M its MLP; the stronger the colour, the more it does.
grid-hint-effect = Click or drag. The number is the whole layer, A its attention, M its MLP; the stronger the colour, the more switching it off changes the next word here.
# Names of switches; $layer is a number.
grid-attention = Attention { $layer }
grid-layer = Layer { $layer }
grid-mlp = MLP { $layer }
# $switch is one of these names. No point at the end: another sentence may follow.
grid-state = { $is ->
    [off] { $switch }: off
   *[on] { $switch }: on
 }
grid-state-least = { $is ->
    [off] { $switch }: off, importance { $importance }, the least important
   *[on] { $switch }: on, importance { $importance }, the least important
 }
# $rank is a number from 2 on.
grid-state-ranked = { $is ->
    [off] { $switch }: off, importance { $importance }, number { $rank } from the least important
   *[on] { $switch }: on, importance { $importance }, number { $rank } from the least important
 }
# Follows one of the sentences above: what flipping the switch would give.
grid-effect = { $to ->
    [off] Switched off here: cos p { $cos }, KL(dense ‖ pruned) { $kl } nats
   *[on] Switched on here: cos p { $cos }, KL(dense ‖ pruned) { $kl } nats
 }
# A box to tick.
grid-shade-effect = Colour by what switching off does to this prompt ({ $measured } of { $all } measured)
# Before a menu of two measures, which follow.
grid-importance = Importance
grid-importance-normed = after the norm: N(x) with f(N(x))
grid-importance-residual = before the norm: x with x + f(x)
grid-save = Save plan file
grid-save-hint = As a JSON file with drop_attn_list and drop_mlp_list; drop such a file anywhere on the page to use it
# Over three sliders, whose names follow.
grid-drop-least = Drop the least important
grid-drop-attention = attention
grid-drop-blocks = blocks
grid-drop-mlp = MLP

# What the page tells (src/page/status.rs). Read aloud: buttons beside notices.
status-dismiss = Dismiss this notice
status-dismiss-rest = Dismiss these notices
status-trace-question = This link shows a recorded run from { $host }, which then learns that you opened it.
# The two answers to it.
status-trace-show = Show it
status-trace-without = Without it
status-not-recorded = This is not recorded: load the model to compute it.
status-not-recorded-yet = This is not recorded: it is computed as soon as the model is loaded.
status-recorded = This is a recorded run. What it does not hold needs the model.
status-load-model = Load the model
status-resting = Another figure has the engine, so this one is not complete.
status-waiting = Another figure is being computed, and this one follows. Touch it to go first.
status-stopped = Stopped: what is shown is not complete.
status-go-on = Go on
status-looking = Looking how large the model is…
status-starting = Starting the engine…
status-starting-part = Starting the engine, { $had } of { $all } MB
# $file is the name of a file, $speed a number, $left a time such as 40 s or 3 min.
status-loading = Loading { $file }, { $had } of { $all } MB
status-loading-pace = Loading { $file }, { $had } of { $all } MB, { $speed } MB/s, { $left } left
status-pause = Pause
# Ways out of a failure.
status-try-again = Try again
status-reload = Reload
status-use-cpu = Use the CPU
status-use-default = Use the default model
status-use-eight-bits = Load it in 8 bits
status-use-one = Without the second model
# Why the CPU computes, in the line at the bottom.
status-chose-cpu = You chose the CPU.
# $what is the name of a piece of work.
status-working = { $what }, { $done } of { $total }
# The line at the bottom. $stored is the name of one or more formats, such as Q8_0.
status-model = { $name }: { $layers } layers, stored as { $stored }. “Dense” means these stored weights, dequantized.
status-other-model = In place of the pruned model: { $name }, stored as { $stored }.
# $model and $licence are links, in this order; the text of the second is the next message.
status-default-model = { $model } by Hugging Face, Apache-2.0 ({ $licence }).
status-licence = licence
# What computes; another sentence says why.
status-attached = Prompts and results go between this page and the engine at { $address }, which computes.
status-cpu = CPU with SIMD
# $error and $kl are numbers, $gpu and $cpu times in milliseconds with their unit.
status-device-check = This GPU agrees with the CPU on { $tokens } tokens (largest relative error { $error }, KL { $kl }). One token takes it about { $gpu }, one thread of the CPU about { $cpu }.
# $count is at least 2.
status-threads = { $count } threads.
status-memory = Engine memory, peak: { $memory } MB.
# $paper is a link to “He et al. 2026”.
status-version = Prunescope { $version }, after { $paper }.
