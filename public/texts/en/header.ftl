# The line at the top of the page (src/page/header.rs, src/page/language.rs).

header-copied = Link copied
header-copy = Copy link
header-copy-refused = Copy it from the address bar
header-export = Export JSON
header-more = More
header-open = Open in a tab
header-reset = Reset
header-save-trace = Save trace
header-save-trace-hint = The run and its measurements as a file that this page shows again without a model
header-share = Share
header-stop = Stop
header-stop-hint = Stop what is running
header-story = Tell me the story
header-tagline = Switch parts of a language model off. See where the signal breaks.
language-choice = Language
language-late = it did not come in time
# $language is the name of a language in itself.
language-not-read = The page cannot be shown in { $language }: { $why }. It is in English; open it again to try once more.

# A button that copies something (src/page/copy_button.rs): what it says then.
copy-done = Copied
copy-refused = The browser does not allow copying

# The head of a saved page (src/page/session.rs).
session-link = Link
session-model = Model
session-not-saved = The page could not be saved: check the network connection, and try again.
session-plan = Plan
session-prompt = Prompt
# $day is a date as YYYY-MM-DD, $program the program's version.
session-saved = Saved on { $day } by version { $program }. To go on, open this file on the page.
