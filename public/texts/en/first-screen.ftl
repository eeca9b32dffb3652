# The headline and the numbers at the chosen token, from layer to word (src/page/pipeline.rs).

pipeline-title = How much survives, from layer to word
# Behind the title. $day is written 2026-01-31, here and in what follows.
pipeline-recorded = recorded { $day }
# $program is a version, $model a model's name.
pipeline-recorded-hint = Recorded on { $day } by Prunescope { $program } on the model { $model }; an engine's own numbers take its place
# Below the number of sublayers that are switched on, which is not part of it. $total is a number, $sublayers the next message, which has an explanation.
pipeline-sublayers-on = of { $total } { $sublayers } on
pipeline-sublayers = sublayers
# Four words on arrows, from stage to stage.
pipeline-layers = layers
pipeline-head = LM head
pipeline-softmax = softmax
pipeline-pick = pick
# Names of the three spaces; their symbols h, z and p follow.
pipeline-hidden = Hidden state
pipeline-logits = Logits
pipeline-probabilities = Probabilities
pipeline-cosine-hint = Cosine similarity of the dense and the pruned model; 1 is the same
pipeline-cosine-repaired = repaired { $cosine }
pipeline-cosine-repaired-hint = Cosine similarity of the dense and the repaired model
pipeline-kl = KL { $kl } nats
# Below a number that was measured before a switch was flipped; the second when another token than the first is chosen.
pipeline-previewed = as previewed
pipeline-previewed-first = first token, as previewed
pipeline-previewed-hint = Measured before the switch was flipped; the run that confirms it is under way
# Before the token that each model writes.
pipeline-dense = dense
pipeline-pruned = pruned
pipeline-repaired = repaired
pipeline-back = ↺ back to the input
pipeline-back-hint = The chosen token is appended to the input; so errors feed back
pipeline-nothing-off = Nothing is switched off: both models are the same. Switch a layer off below.
# While the texts are written. $place says where they part, such as: at token 6 “hot” instead of “cold”.
pipeline-parting = The texts part { $place }…
# The label of a slider. $number is the chosen token's number; what stands before it has an explanation.
pipeline-token = Token { $number }
# Said by screen readers. $place is one of the pipeline-place- messages.
pipeline-token-said = token { $number }, { $place }
# Beside the slider: where the chosen token stands.
pipeline-place-own = where each model has read its own text
pipeline-place-prompt = right after the prompt
pipeline-place-after = after “{ $text }”
# $place is one of the three before.
pipeline-place-parting = { $place }, where the texts part
pipeline-place-not-recorded = { $place }: not recorded
# A button beside the slider.
pipeline-deciding = the deciding one
pipeline-deciding-hint = Back to the first token at which the texts differ
pipeline-two-contexts = Here each model has read its own text, so these numbers compare two contexts.

# The texts that the models write (src/page/texts.rs).

texts-title = What the models write
texts-dense-writes = Dense model writes
texts-pruned-writes = Pruned model writes
texts-repaired-writes = Repaired model writes
# Said by screen readers for a token.
texts-token-said = { $token }, KL { $kl }
texts-token-not-compared = { $token }, KL not compared
texts-tint = Tint: KL of the two models' probabilities at each token. Point at one for its alternatives, press it for its numbers above.
texts-first-difference = First difference: token { $token }.
# In a box beside a token. $token is its number.
texts-token-numbers = Token { $token }: cos p { $cosine }, KL { $kl } nats
# Above a model's likeliest tokens.
texts-dense = Dense
texts-pruned = Pruned
texts-repaired = Repaired
texts-ended = The other model has ended its text; nothing is compared here.

# The repair (src/page/repair.rs).

# A button, and what stands behind it. $form is what a dropped sublayer is replaced by, such as: a scale and a bias.
repair-sublayers = Repair
repair-offer = puts { $form } in place of each sublayer that is switched off. It takes seconds, no training.
# Another button, and what stands behind it.
repair-head = Calibrate the head
repair-offer-head = fits an offset of h and one temperature of the logits. It takes seconds, no training.
# A choice, with what it offers beside the forms.
repair-forms = What replaces each dropped sublayer
repair-nothing = nothing
# Another choice. $form is such as: offset of h.
repair-head-forms = What is repaired at the head
repair-head-as-it-is = head as it is
repair-head-form = head: { $form }
repair-undo = Without repair
repair-awaits-full = This is the quick repair. While the page is idle it fits a larger map, which takes over if it is better.
repair-use-full = Use the full map
repair-own-answers = The dense model's own answers ({ $count })
repair-own-answers-hint = A full map is fitted on these, too: the dense model wrote them itself.

# Below the explanation of a word (src/page/terms.rs): a button, and the key that presses it.

terms-in-story = In the story, chapter { $chapter }
terms-key = (Enter)

# Parts of the page, and how a link presents them (src/page/part.rs, src/presentation.rs).

# Above a task that a teacher wrote.
part-task = Task, set by this link
part-prompt = Prompt and model
part-pipeline = From layer to word
part-grid = Layer switches
part-compression = Sparsity and rounding
part-texts = Texts
part-charts = Charts
# How a part is met: one of three in a choice.
part-state-shown = shown
part-state-locked = locked
part-state-hidden = hidden
# The page's colours: one of three in a choice.
part-theme-auto = as the browser
part-theme-light = light
part-theme-dark = dark
# $key is the link's parameter, $name what it says, $known is a list of what it may say.
part-unknown = { $what ->
    [part] The link's { $key } has no part “{ $name }”, which is left out: use { $known }.
    [theme] The link's { $key } has no theme “{ $name }”, which is left out: use { $known }.
   *[language] The link's { $key } has no language “{ $name }”, which is left out: use { $known }.
 }
