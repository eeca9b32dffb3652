# The page as a whole: its engine, files, links, recorded runs, the story, sharing (src/page/*.rs beside the areas of its own, src/*.rs).

# The frame around the prompt and its settings, for screen readers (src/page/mod.rs).
page-ask = Prompt and settings

# Loading, running, and what fails (src/page/controller.rs). “Try again” is a button, “Model” the field in which a model is chosen.

controller-no-model = No model is loaded, so this changes no number yet: see above what went wrong.
controller-loading-stopped = Loading was stopped. Press Try again to go on where it was.
controller-did-not-stop = The engine did not stop within { $seconds } seconds, so it was ended. Change what it was computing, or choose another model, then press Try again.
# Follows a sentence that says why.
controller-went-on-with-cpu = Prunescope went on with the CPU.
controller-gpu-failed = The GPU failed in this visit.
# Follows a sentence that says what failed.
controller-advice = Press Try again; if it happens again, choose another model or device under Model.
# A word in small letters by which the page knows that a message already says what to do if a failure comes again: controller-advice does
# not follow it then. client-ended and client-unreadable must contain it, in small or capital letters.
controller-again = again
# How all messages name the field “Model”. Where one contains this, controller-no-model-in-frame follows it in a frame of another page.
controller-under-model = under Model
controller-no-model-in-frame = This frame has no Model: open it in a tab for that.
controller-no-template = This model has no chat template, so the prompt is read as plain text.
# Follows a sentence on what is wrong with the model's chat template.
controller-template-off = It is off now, so the prompt is read as plain text.

# The worker that runs the engine (src/page/client.rs). These are clauses that the page begins with a capital letter and ends with a point.

# $why is the error, in English.
client-unreadable = an error of Prunescope itself: the page cannot read what its engine says ({ $why }); reload the page, and report it if it comes again
# Stands as $why in engine-broken.
client-refused = the browser, or the host's own policy, refuses its worker
# $what is client-silent or one of client-stopped.
client-ended = { $what }: press Try again; if it stops again, choose a smaller model or another one under Model, or round its weights to 8 bits there
client-silent = the engine does not answer any more; the browser may have ended it
# $why is the browser's message.
client-stopped = the engine stopped ({ $why })
client-stopped-nested = the engine stopped ({ $why }), since something in the model's files or in the prompt nests too deep
client-stopped-memory = the engine stopped ({ $why }); it has probably run out of memory

# Why an engine does not start (src/engine_start.rs, src/page/engine_files.rs): clauses like those above. $file is the name of a file.

engine-missing = the engine could not start: the host has no { $file }; try again in some minutes, or reload the page
# $status is the number of an HTTP status.
engine-refused = the engine could not start: the host answers { $status } for { $file }; try again in a moment
engine-cut = the engine could not start: { $file } did not come whole; check the network connection and try again
# $why is the browser's message, client-refused, or engine-no-folder.
engine-broken = the engine could not start ({ $why }): reload the page, and if that does not help, use a current browser
# “It” is the engine.
engine-no-folder = the page does not say where it lies
engine-silent = the engine has not been heard of for { $seconds } s: check the network connection and try again, or wait; if it starts after all, the page goes on
engine-updated = Prunescope has been updated since this tab was opened, and this version's engine is gone from the host: reload the page to go on (the address holds all settings)

# An engine outside the browser, which the link names by engine= (src/attached_engine.rs, src/page/client.rs). Those with “why” and the next two are clauses like those above.
attached-unreachable = no engine answers at { $address }, or it refuses this page (its terminal says why): start it with prunescope serve and try again, or open this page without engine=
attached-detach = Compute in this browser
attached-lost = the connection to the engine at { $address } is lost: start it again, and press Try again
attached-unreadable = the engine says what this page cannot read ({ $why }): use an engine of the page's version
attached-no-address = The link's engine “{ $address }” is no address of an engine, such as ws://127.0.0.1:8765/engine: this browser computes.
attached-elsewhere = The link names an engine on { $host }, which is neither this machine nor the page's host, and could read your prompts: it is not used, this browser computes.

# The list of notices (src/notices.rs).
notices-rest = { $count ->
    [one] One more notice is not shown.
   *[other] { $count } more notices are not shown.
 }

# Recorded runs (src/page/recorded.rs). $why is one of the reasons below, or an error in English.

# $name is that of a file, or an address.
recorded-not-shown = The trace { $name } is not shown: { $why }. The page goes on without it.
recorded-not-written = The trace cannot be written: { $why }.
# Reasons, for a trace or another text of the site (“it”); they stand before a point.
recorded-not-fetched = it could not be fetched, so check the address and the network
recorded-status = its host answered with the status { $status }
recorded-too-large = it is larger than { $megabytes } MB
recorded-no-text = it is no text
recorded-unreadable = it cannot be read
# A reason, with more to check for an address on another host.
recorded-elsewhere = { $why }, and whether its host lets other pages read it (the header Access-Control-Allow-Origin)

# Files that are dropped on the page or picked (src/given_files.rs, src/page/given_files.rs). $file is the name of a file.

files-another-plan = { $file } is another plan: one is used, choose one at a time.
files-another-run = { $file } is another recorded run: one is shown, choose one at a time.
# $files are several names.
files-left-alone = Not needed beside the weights, and left alone: { $files }.
# Follows each of the next sentences.
files-model-stays = The model stays as it is.
files-no-weights = { $file } describes a model, but its weights are not among the files: choose it together with the .safetensors files.
files-empty = { $file } is empty.
files-unknown = { $file } is no file that this page can read: choose a .gguf or .safetensors file, or a set of JSON lines.
files-zip = { $file } is a zip archive or PyTorch's own format: choose the model's .safetensors or .gguf file.
files-pickle = { $file } is a Python pickle, which can hold programs: choose the model's .safetensors or .gguf file.
files-gzip = { $file } is compressed with gzip: unpack it first.
files-zstd = { $file } is compressed with zstd: unpack it first.
files-parquet = { $file } is a Parquet file: save its rows as JSON lines first.
files-before-gguf = { $file } is in the format before GGUF: convert it with llama.cpp first.
files-pdf = { $file } is a PDF.
files-json-list = { $file } is a JSON list: a set has one JSON object a line.
files-json = { $file } is JSON, but neither questions nor passages: each line needs the keys that the views name.
files-web-page = { $file } is a page of the web, not the file that it may be about: download that file itself.
# “Calibration text” is the name of a field.
files-text = { $file } is a text: to calibrate with it, drop it on the field “Calibration text”.
files-no-queries = { $file } has passages, but no queries with the ids of their answers: put both into one file.
files-results = { $file } holds results that this page saved: to see them again, open the link that they came from.
files-parts = { $file } lists the parts of a model: give its address under Model, with the parts beside it.
# $why is an error in English.
files-plan-not-read = { $file }: { $why }. The plan stays as it is.
# $loaded is the name of the file that is loaded.
files-not-loaded = { $file } is not loaded, { $loaded } is: drop one model at a time.
files-not-read = The file { $file } could not be read: choose it again.
# Follows sentences on the first lines that are skipped.
files-more-lines = { $file }: { $count } more lines are skipped.
files-nothing-usable = { $file } holds nothing that can be used; what was there before stays.

# Saving a file (src/page/export.rs).
export-refused = This browser did not let the page save a file.

# An address that the visitor or a link gives (src/page/address.rs). $why is an error in English.
address-wrong = { $address } is not an address ({ $why }): give one that begins with https:.

# The panel with links for a class, and figures for other pages (src/page/sharing.rs).

sharing-label = Share this page
sharing-title = For a class, or in another page
sharing-close = Close
# “locked” is one of the states of a part that can be chosen below.
sharing-hint = Choose what readers see. The page shows it at once; “locked” can be seen but not used.
# Stands before the choice of the colours.
sharing-colours = Colours
sharing-task = A task above the page
sharing-story = begin with the story instead of these settings
sharing-copy-link = Copy the link for a class
sharing-copy-frame = Copy as a frame (HTML)
sharing-copy-element = Copy as a figure (HTML, grows with its content)
sharing-copy-bibtex = Copy BibTeX
sharing-copy-markdown = Copy as Markdown
sharing-save = Save page
sharing-save-hint = What is shown, with the charts of every view and their numbers, as one HTML file that needs nothing else; this page opens it again
sharing-see = see the figure
sharing-preview = The figure as another page shows it

# The story's panel (src/page/story.rs).

story-label = The story
# $why is why, before a point.
story-not-read = The story's text could not be read: { $why }. Open this link again.
# A button stands behind it: story-use-default.
story-other-model = The story is about the default model, so its numbers are not those of this one.
story-use-default = Use the default model
story-leave = Leave the story
# The heading of a chapter: its number, the number of chapters, its title.
story-chapter = { $number } of { $count }: { $title }
story-back = Back
story-next = Next
story-finish = Finish

# What the story found (src/story.rs). Each takes the place of {truth} in a chapter of story.json, which says what stands around it.

# They agree …
story-cosine-more = more: the cosine is { $now } instead of { $before }
story-cosine-less = less: the cosine is { $now } instead of { $before }
# Numbers of questions that are answered right by the pruned and by the dense model.
story-choice = { $pruned } of { $count }, where the whole model has { $dense }
story-text-back = It gets back
story-text-wrong = It says something else
story-text-babble = It falls apart
# Stands in place of the names of plans that still answer.
story-none-alike = none of them
# The name of a plan, and what its model writes.
story-quoted = { $name }: “{ $text }”
story-answer-back = Yes, the answer is back
story-answer-lost = No, the answer is not back
# $name is that of a sublayer, $kl a number.
story-worst-switch = Without { $name } the text falls apart: its p is { $kl } nats away

# What the reader expected, beside what was found. $said is a number, $answer the name of an answer.

story-said-close = You said { $said }: close.
story-said-near = You said { $said }: not far off.
story-said-far = You said { $said }: far off.
story-said-right = You said “{ $answer }”: right.
story-said-wrong = You said “{ $answer }”: no.

# Experiments below a view (src/page/experiments.rs).
experiments-title = Try
experiments-all = All experiments
