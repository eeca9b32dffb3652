# The views below the first screen and their charts (src/page/views, src/page/chart_view.rs).

# The names of the views, which are tabs and entries of a menu. Other messages here refer to them by these names.
views-layers = Schicht für Schicht
views-steps = Token für Token
views-theorems = Theoreme
views-tokens = Wahrscheinlichste Token
views-choice = Multiple Choice
views-retrieval = Retrieval
views-compare = Vergleich
views-sweep = Durchlauf und Rat
views-search = Suche
views-weights = Gewichte
views-charts = Diagramme
# Stands before the menu of the views.
views-menu = Ansicht
# Stands before a slider.
views-temperature = Temperatur der Auswertung
# A button that sets the temperature of the analysis to that of the sampling.
views-as-decoding = wie beim Dekodieren
# Buttons that continue a measurement, or show what it found.
views-go-on = Fortsetzen
views-show-again = Erneut zeigen
# How far a search (of plans) or a sweep (over points) is.
views-progress = { $things ->
    [plans] { $done } von { $total } Plänen
   *[points] { $done } von { $total } Punkten
    }
# $left is a duration, such as "40 s".
views-progress-left = { $things ->
    [plans] { $done } von { $total } Plänen, noch etwa { $left }
   *[points] { $done } von { $total } Punkten, noch etwa { $left }
    }

# Any chart. $title is its title.
chart-computing = Wird berechnet …
chart-not-recorded = Nicht aufgezeichnet: wird berechnet, sobald das Modell geladen ist.
chart-no-model = Kein Modell ist geladen.
chart-not-computed = Nicht berechnet: Der Grund steht oben.
chart-not-finite = Einige Zahlen sind nicht endlich (NaN oder unendlich), daher sagen diese nichts aus.
# For screen readers.
chart-canvas = Diagramm: { $title }. Die Pfeiltasten lesen seine Werte vor; eine Tabelle folgt.
chart-table = Zahlen als Tabelle
chart-as-table = { $title }, als Tabelle
# The name of the buttons that save a chart as a file.
chart-save = Speichern: { $title }

# Layer by layer.
layers-lead = Wie ähnlich bliebe das dichte Modell genau an dieser Stelle, wenn nur diese eine Teilschicht ausgedünnt würde? Die Logits merken es kaum, die Wahrscheinlichkeiten schon.
layers-lines = { $count ->
    [one] Linien: Werte für { $count } erzeugtes Token; Bänder: vom niedrigsten zum höchsten.
   *[other] Linien: Mittel über { $count } erzeugte Token; Bänder: vom niedrigsten zum höchsten.
    }
# Two boxes to tick.
layers-drop = die Teilschicht weglassen, statt ihre Gewichte nach dem Plan auszudünnen
layers-with-norm = mit der letzten Norm vor dem LM-Kopf („Logit Lens“); das Skript des Papers lässt sie weg
layers-attention = Eine Attention-Teilschicht
layers-mlp = Eine MLP-Teilschicht
layers-waiting = Der Plan ändert keine solchen Matrizen, oder sie werden gerade berechnet.

# Token by token. $surprise is the place of the word below, which is explained when it is pointed at.
steps-lead = Durchgezogen: Jedes Modell liest seinen eigenen Text, Fehler wirken also zurück. Gestrichelt: Beide lesen den Text des dichten Modells. Die Fläche dazwischen ist das, was die Rückwirkung hinzufügt. Das reparierte Modell hat Linien in einer eigenen Farbe. Varianten aus „Vergleich“ liegen mit ihrem Namen darüber (im ersten Diagramm ihr h). Das letzte Diagramm zeigt die { $surprise } des dichten Modells bei jedem Wort.
steps-surprise = Überraschung
steps-hidden-logits = Verborgener Zustand und Logits
steps-probabilities = Wahrscheinlichkeiten
steps-kl = KL(dicht ‖ ausgedünnt)
steps-collapse = Zerfall des Textes

# Theorems.
theorems-lead = Wie gut gelten die Schätzungen des Papers hier? Durchgezogen: gemessen. Gestrichelt: die Schätzung zweiter Ordnung aus Δz. Solange Δz klein ist, liegen sie aufeinander; wo sie um mehr als die Hälfte auseinandergehen, ist die Stelle schattiert.
# A menu: its name, then its entries.
theorems-along = Waagerecht
theorems-along-dense = der Text des dichten Modells, den beide Modelle lesen
theorems-along-own = die Texte, die jedes Modell selbst schreibt
theorems-along-attention = die Schichten: jede Attention-Teilschicht allein
theorems-along-mlp = die Schichten: jede MLP-Teilschicht allein
theorems-divergence = Theorem 3: KL ≈ Var_p(Δz) / 2T²
theorems-probabilities = Theorem 2: 1 − cos p ≈ Var_r(Δz) / 2T²
theorems-logits = Theorem 1 für die Logits
theorems-hidden = Theorem 1 für die verborgenen Zustände
theorems-parts = Paralleler und orthogonaler Anteil
theorems-damage = Welche Token mit ihrem Δz beim gewählten Token den Schaden anrichten

# Top tokens. $token is the number of a token.
tokens-lead = Die Token, die eines der Modelle bei Token { $token } für die wahrscheinlichsten hält, mit der Wahrscheinlichkeit, die jedes Modell ihnen gibt. Der Schieber oben wählt das Token.
tokens-next = Nächstes Token in jedem Modell
tokens-logits = Was das Ausdünnen mit ihren Logits gemacht hat
tokens-parts = Was das Ausdünnen mit den Logits gemacht hat

# Multiple choice.
choice-lead = Wählt das ausgedünnte Modell noch die richtige Antwort? Es braucht nur einen Schritt, und nichts wird zurückgeführt: Von allen Token zählen nur die Optionen.
choice-all = Alle Fragen
# A menu: its name, then its entries.
choice-scoring = Gewertet nach
choice-by-cloze = Cloze: der wahrscheinlichste Text einer Option
choice-by-letter = Buchstabe: der wahrscheinlichste Buchstabe
# Names a field for a file. The words in brackets that such a file contains stay: question, choices, answer.
choice-own = Eigene Fragen (JSON Lines mit question, choices, answer)
choice-built-in = eingebaute Fragen
# The table of scores, and the heads of its columns.
choice-scores = Ergebnis nach Thema
choice-topic = Thema
choice-dense-right = dicht richtig
choice-pruned-right = ausgedünnt richtig
choice-repaired-right = repariert richtig
choice-same = gleiche Wahl
# Right answers out of all.
choice-part = { $right } von { $of }
choice-one = Eine Frage
# Stands before a menu of the questions.
choice-question = Frage
choice-previous = vorige
choice-next = nächste
# The table of the answers to one question: the heads of its columns, then those of its rows.
choice-answers = Was beide Modelle antworten
choice-scored = gewertet nach
choice-dense-answers = dichtes Modell antwortet
choice-pruned-answers = ausgedünntes Modell antwortet
choice-repaired-answers = repariertes Modell antwortet
choice-cloze = Cloze
choice-letter = Buchstabe
# $choice is the option that a model chooses, $margin how far its score is from the next one's.
choice-answer = { $mark ->
    [right] { $choice } (richtig, Abstand { $margin })
   *[wrong] { $choice } (falsch, Abstand { $margin })
    }
choice-vocabulary = Ganzes Vokabular, wo der Buchstabe kommt
choice-options = Nur die Optionen

# Retrieval.
retrieval-lead = Passagen und Anfragen werden zu Vektoren aus den letzten verborgenen Zuständen, abzüglich des Mittels aller Passagen, und nach Kosinus geordnet. Nichts geht durch die Softmax, und nichts wird zurückgeführt.
retrieval-size = { $passages } Passagen und { $queries } Anfragen, die jeweils eine Passage beantwortet.
# Names a field for a file. The words in brackets that such a file contains stay: id, passage, query, answer.
retrieval-own = Eigener Datensatz (JSON Lines: id und passage, oder query und answer)
retrieval-built-in = eingebauter Datensatz
retrieval-mean = Rang der richtigen Passage, Mittel der Token
retrieval-last = Rang der richtigen Passage, letztes Token

# Compare.
compare-lead = Bis zu vier Pläne beantworten dieselbe Frage; alle Linien vergleichen mit dem dichten Modell. Die Pläne stehen im Link.
compare-add = Aktuellen Plan hinzufügen
# Buttons that choose the plans so named: sublayers dropped (A attention, M MLP), bits, sparsity.
compare-methods = Drop-8A, 4 Bit, 50 %, 4:8
compare-drops = Drop-4A, 8A, 4M, 8M
compare-waiting = Einen Plan zum Vergleichen hinzufügen.
# A box to tick.
compare-more = mehr: auf dem Text des dichten Modells, die Schätzungen der Theoreme, wie weit sich die Vektoren drehen
compare-name = Name der Variante
compare-edit = bearbeiten
compare-remove = Diese Variante entfernen
compare-texts = Dieselbe Frage, von jedem beantwortet
# The table of the texts, and the heads of its columns.
compare-answers = Was jeder Plan schreibt
compare-plan = Plan
compare-writes = schreibt
compare-cosine = cos p, erstes Token
compare-kl = KL, erstes Token
compare-saved = gesparter Speicher
# The row of the dense model.
compare-dense = Dicht

# Sweep and advice.
sweep-lead = Wie sinken die Ergebnisse bei Aufgaben, wenn mehr entfernt wird? Jeder Punkt stellt dem ausgedünnten Modell eine Stichprobe aus Multiple-Choice-Fragen, Retrieval-Anfragen und Prompts mit exakten Antworten. Das dauert Minuten; die Punkte erscheinen nacheinander, und ein angehaltener Durchlauf geht dort weiter, wo er war.
# A menu: its name, then its entries.
sweep-vary = Verändern
sweep-by-layers = weggelassene Teilschichten und Blöcke
sweep-by-sparsity = Dünnbesetztheit: Betrag und Wanda
sweep-by-bits = Bits: zum nächsten Wert runden, AWQ und GPTQ
# Stands before a field for a number.
sweep-sample = Aufgaben je Datensatz (0: alle)
sweep-start = Durchlauf starten
# Names the button above.
sweep-waiting = „Durchlauf starten“ antippen.
sweep-choice = Multiple Choice (ein Schritt)
sweep-retrieval = Retrieval (liest h)
sweep-generation = Textgenerierung (rückgeführt)
sweep-verdicts = Wofür taugt der aktuelle Plan?
sweep-judge = „{ $plan }“ beurteilen
sweep-judge-hint = Das dichte, das ausgedünnte und, falls vorhanden, das reparierte Modell lösen dieselbe Stichprobe jedes Datensatzes; Rechnen und Struktur werden nur hier gefragt, nicht im Durchlauf.
# $purpose is what a model is used for, such as "Retrieval"; $verdict is the place of a word such as "safe".
sweep-verdict = { $purpose }: { $verdict }
sweep-next = Was als Nächstes zu tun ist
sweep-written = Prompts mit exakten Antworten, und was die Modelle geschrieben haben
sweep-written-hint = Den Prompts zu Rechnen und Struktur gehen gelöste Beispiele voraus, und die Modelle beenden die Zeile.
# The table of these prompts, and the heads of its columns: what the dense, the pruned and the repaired model wrote.
sweep-exact = Exakte Antworten
sweep-prompt = Prompt
sweep-dense = dicht
sweep-pruned = ausgedünnt
sweep-repaired = repariert
sweep-judged = Bisher beurteilte Pläne
sweep-judged-hint = Richtige Aufgaben des dichten, des ausgedünnten und des reparierten Modells. Speicher: Matrizen, die ein Plan unverändert lässt, zählen so, wie die Datei sie enthält; Gewichte, die behalten, aber nicht gerundet werden, in halber Genauigkeit.
# The name of the button that saves the table as a file.
sweep-judged-save = Speichern: bisher beurteilte Pläne
# How far the models are from the dense one on a text: a button, its explanation, and the name of the table.
fidelity-start = Auf einem Text vergleichen
fidelity-hint = Wie weit das ausgedünnte und, falls vorhanden, das reparierte Modell bei jedem Wort eines Textes vom dichten entfernt sind, unabhängig vom Prompt.
fidelity-table = Abstand vom dichten Modell
texts-start = Auf sechs Arten von Text vergleichen
# Dasselbe, wenn eigene Texte gelesen werden.
texts-start-own = Vergleichen auf { $count ->
    [one] { $name }
   *[other] { $count } Texten
 }
texts-hint = Was beim Quantisieren angegeben wird, auf Prosa, Gespräch, Code, Listen, Zahlen und Deutsch. Dauert ein bis zwei Minuten; die Tabellen füllen sich beim Lesen.
texts-own = Eigene Texte (.txt)
texts-not-fetched = Die Texte konnten nicht geladen werden ({ $why }): Netzwerkverbindung prüfen und erneut versuchen.
texts-built-in = wieder die eingebauten Texte
texts-table = Abstand vom dichten Modell nach Art des Textes
texts-plans = Bisher verglichene Pläne
texts-plans-hint = ★: Kein anderer Plan hier ist ebenso klein und dem dichten Modell ebenso nah. Ein Druck auf einen Plan oder seinen Punkt stellt ihn ein. Die Geschwindigkeiten sind die von „Messen, was es spart“.
# Das Bild über der Tabelle: sein Name, das Menü seiner waagerechten Achse, und was dort steht, bevor eine Geschwindigkeit gemessen ist.
texts-picture = Abstand vom dichten Modell gegen das, was gespart wird
texts-axis = Gegen
texts-no-speed = Von keinem verglichenen Plan ist die Geschwindigkeit gemessen: „Messen, was es spart“ misst sie.
speed-start = Messen, was es spart
speed-hint = Wie schnell das dichte, das ausgedünnte und das reparierte Modell jedes für sich auf diesem Rechner lesen und schreiben, und was sie belegen. Dauert etwa zehn Sekunden.
speed-table = Geschwindigkeit und Speicher

# Search.
search-lead = Welche Teilschichten können weg? Einmal nach Wichtigkeit geordnet, in einer gemeinsamen Liste geordnet, nach jedem Weglassen neu geordnet, eine zusammenhängende Strecke von Blöcken, oder gierig danach, was jedes Weglassen mit den Wahrscheinlichkeiten auf dem Kalibriertext macht; das Letzte auch mit Blick auf eine Reparatur. Jeder Plan wird dann mit dem dichten Modell auf einem Text verglichen, den weder Suche noch Reparatur gesehen haben. Das dauert Minuten; die Pläne erscheinen nacheinander, und eine angehaltene Suche geht dort weiter, wo sie war.
# In one line: this word, the menu of the three entries, then the next words and a field for a number.
search-drop = Weglassen
search-among-both = Attention und MLP
search-among-attention = Attention
search-among-mlp = MLP
search-budget = Teilschichten, höchstens
search-start = Suche starten
# Names the button above.
search-waiting = „Suche starten“ antippen.
search-distance = Abstand vom dichten Modell
search-plans = Die Pläne, bei jeder Anzahl der nächste zuerst
# Names the button “judge” below.
search-hint = Jede KL, in nat, ist ein Link, der ihren Plan einstellt. Der Knopf „beurteilen“ misst, wofür der Plan taugt, mit und ohne Reparatur, in „Durchlauf und Rat“.
# The table of the plans, and the heads of its columns.
search-found = Pläne, die die Suche gefunden hat
search-method = Suche
search-dropped = weggelassen
search-plan = Plan
search-kl = KL
search-kl-repaired = KL, repariert
search-scores = Ergebnisse
search-judge = beurteilen
# For screen readers. $plan is a plan as it stands in links.
search-set = KL { $kl }: den Plan { $plan } einstellen

# Weights.
weights-waiting = Oben unter „Gewichte entfernen“ oder „Gewichte runden“ ein Verfahren wählen.
weights-none = Nichts ist verändert, daher gibt es keine Tabelle.
# The table of the matrices, and the head of its first column.
weights-zeros = Nullen jeder Matrix
weights-layer = Schicht
# Over a cell of the table, which is a button.
weights-change = relative Änderung { $change }; für das Bild anklicken
weights-corner = Ecke einer Matrix
