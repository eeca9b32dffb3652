# Charts, and what they say of tasks and comparisons (crates/figures/src/chart, and in crates/figures/src/figure: choice.rs, compare.rs,
# fidelity.rs, judged.rs, layers.rs, repair.rs, retrieval.rs, search.rs). Numbers with decimals are given as texts.

# The models, in legends, tables and above ranks.
figure-dense = dicht
figure-pruned = ausgedünnt
figure-repaired = repariert

# Names of axes, and units at the vertical axis.
figure-axis-generated-token = erzeugtes Token
figure-axis-kl = KL(dicht ‖ ausgedünnt), nat
figure-axis-next-token = Wahrscheinlichkeit des nächsten Tokens
figure-unit-cosine = Kosinus
figure-unit-logits = Logits
figure-unit-logits-squared = Logits²
figure-unit-nats = nat
figure-unit-share-of-h = Anteil von ‖h‖
figure-unit-share-of-z = Anteil von ‖z‖

# Any chart. $name is a line's name in the legend; these are columns of the table beside it.
figure-lowest = { $name }, kleinster Wert
figure-highest = { $name }, größter Wert
# $why comes from what draws.
figure-not-drawn = das Diagramm konnte nicht gezeichnet werden: { $why }
# The legend of a picture of a matrix: its coloured cells.
figure-heat-kept = behalten, je größer, desto kräftiger
# Ranks on two sides: the legend (of a rank that pruning changes), the table's first column, and a label (little space).
figure-slope-better = gleich gut oder besser
figure-slope-worse = schlechter
figure-slope-query = Anfrage
figure-slope-rank = Rang { $rank }

# Multiple choice.
figure-choice-vocabulary = Ganzes Vokabular: { $shared } der 6 wahrscheinlichsten Token gemeinsam; cos z { $cos_z }, cos p { $cos_p }, KL(dicht ‖ ausgedünnt) { $kl } nat.
figure-choice-axis = Wahrscheinlichkeit unter den Buchstaben
# $dense, $pruned and $repaired are letters of options; $repaired is "none" where there is no repaired model.
figure-choice-options = Buchstaben allein: { $agreement ->
    [same] Beide Modelle wählen { $dense }
   *[other] Das dichte Modell wählt { $dense }, das ausgedünnte { $pruned }
 }, mit den Abständen { $dense_margin } und { $pruned_margin }{ $repaired ->
    [none] {""}
   *[other] ; das reparierte wählt { $repaired }, mit dem Abstand { $repaired_margin }
 }; cos z { $cos_z }, cos p { $cos_p }, KL(dicht ‖ ausgedünnt) { $kl } nat.
# The last row of the scores by topic: all questions.
figure-choice-all = alle
# Right answers; $low and $high are percent.
figure-choice-right = Richtig sind dicht { $dense } von { $dense_of }, ausgedünnt { $pruned } von { $pruned_of } (95-%-Intervall { $low } bis { $high } %); dieselbe Wahl bei { $agreement }.
# As long as not all questions are answered; $right is the sentence above.
figure-choice-so-far = Bisher { $of } von { $all } Fragen: { $right }
figure-choice-repaired = Repariert { $right } von { $of }.
figure-choice-flips = Umgekippt, { $model }: { $flipped } von { $of } Antworten ({ $percent } %) wechseln zwischen richtig und falsch, { $to_wrong } zu falsch und { $to_right } zu richtig; weitere { $to_other } wechseln von einer falschen Antwort zu einer anderen.
figure-choice-guessing = Raten ergäbe { $percent } %.

# Several plans side by side: titles of charts, and the sentence below each. $means is a list of names with numbers.
figure-compare-h = Kosinus der verborgenen Zustände
figure-compare-z = Kosinus der Logits
figure-compare-p = Kosinus der Wahrscheinlichkeiten
figure-compare-dz = √Mittel(Δz²)
figure-compare-kl = KL(dicht ‖ ausgedünnt)
figure-compare-fixed-p = Kosinus von p auf dem dichten Text
figure-compare-fixed-kl = KL auf dem dichten Text
figure-compare-theorem-2 = Schätzung von 1 − cos p nach Theorem 2
figure-compare-theorem-3 = Schätzung der KL nach Theorem 3
figure-compare-turn-h = Δh⊥: wie weit sich h dreht
figure-compare-turn-z = Δz⊥: wie weit sich z dreht
figure-compare-mean = Mittel: { $means }.

# Distance from the dense model on a text: the table's columns, and the sentence above it.
figure-fidelity-model = Modell
figure-fidelity-mean = KL, Mittel
figure-fidelity-median = KL, Median
figure-fidelity-same-top = wahrscheinlichstes Token gleich
figure-fidelity-loss = Verlust
figure-fidelity-summary = Gemessen an { $tokens } Token aus den Passagen des Retrieval-Datensatzes, die keine Anpassung gesehen hat (KL(dicht ‖ Modell) in nat an jeder Position, Verlust −log p des nächsten Tokens, T = 1){ $repair ->
    [not-applied] : Die Reparatur wird nicht angewendet, weil sie auf den zurückgehaltenen Token nicht geholfen hat.
    [gain] : Die Reparatur nimmt { $share } % der mittleren KL weg.
    [no-gain] : Die Reparatur senkt die mittlere KL nicht.
   *[none] {"."}
 }

# Abstand vom dichten Modell auf Texten mehrerer Arten: die Namen der Texte, die Spalten beider Tabellen und der Satz darüber.
figure-texts-all = alle Texte
figure-texts-prose = Prosa
figure-texts-dialogue = Gespräch
figure-texts-code = Code
figure-texts-lists = Listen
figure-texts-numbers = Zahlen
figure-texts-german = Deutsch
figure-texts-tokens = { $kind }, { $tokens } Token
figure-texts-model = Modell
figure-texts-kl-mean = KL, Mittel
figure-texts-kl-median = Median
figure-texts-kl-share = { $share } %
figure-texts-kl-max = größte
figure-texts-same-top = wahrscheinlichstes Token gleich, %
figure-texts-delta-p = Δp, Mittel, %
figure-texts-delta-p-rms = Δp, quadratisches Mittel, %
figure-texts-perplexity = Perplexität, Modell / dicht
figure-texts-plan = Plan
figure-texts-memory = Speicher
figure-texts-ratio = Perplexität gegenüber dem dichten
figure-texts-summary = { $done } von { $total } Fenstern zu { $window } Token; in jedem zählt die zweite Hälfte, bisher { $tokens } Token. KL(dicht ‖ Modell) in nat: das Mittel und die Werte, unter denen so viel Prozent der Token liegen; Δp: die Änderung der Wahrscheinlichkeit des richtigen Tokens; ±: der Standardfehler. Wie llama-perplexity sie angibt.

# Was ein Plan spart, gemessen: die Spalten und der Satz über der Tabelle.
figure-speed-prefill = gelesene Token je Sekunde
figure-speed-decode = geschriebene Token je Sekunde
figure-speed-cache = KV-Cache
figure-speed-matrices = Matrizen
figure-speed-summary = Jedes Modell für sich liest { $prompt } Token auf einmal und schreibt { $written }, auf { $threads ->
    [0] der GPU
    [one] einem Thread
   *[other] { $threads } Threads
 } dieses Rechners; von drei Malen zählt das schnellste. KV-Cache: von { $cached } Token in halber Genauigkeit. Matrizen: die der Blöcke, wie die Datei oder der Plan sie speichert.

# Das Bild der auf Texten verglichenen Pläne: die Achsen, die Arten von Punkten, die Linie und der Satz darunter. $frontier zählt Pläne auf, den dem
# dichten Modell nächsten zuerst.
figure-pareto-memory = Speicher der Matrizen der Blöcke, MB
figure-pareto-kl = KL vom dichten Modell, nat
figure-pareto-error = Standardfehler
figure-pareto-other = zweites Modell
figure-pareto-frontier = Front
figure-pareto-told = { $count ->
    [one] Ein Plan
   *[other] { $count } Pläne
 } neben dem dichten Modell; Striche: ein Standardfehler. Auf der Front, wo nichts anderes hier zugleich so { $axis ->
    [memory] klein
   *[speed] schnell
 } und dem dichten Modell so nah ist: { $frontier }.
figure-pareto-one = Ein weiterer verglichener Plan zeigt eine Front.

# The table of plans that were judged: its columns, its cells, and the sentence below it.
figure-judged-plan = Plan
figure-judged-matrices = Matrizen der Blöcke, Datei → Plan
figure-judged-repair = Reparatur behält
figure-judged-not-applied = nicht angewendet
figure-judged-numbers = { $count } Zahlen
# Items right in the dense, the pruned and the repaired model, of all items, and the verdict in words.
figure-judged-score = { $dense } → { $pruned } von { $of }: { $verdict }
figure-judged-score-repaired = { $dense } → { $pruned } → { $repaired } von { $of }: { $verdict }
# Memory in the model's file and under the plan.
figure-judged-memory = { $file } → { $plan } MB: { $change ->
    [none] nichts gespart
    [more] { $percent } % mehr
   *[less] { $percent } % weniger
 }
# $name is the plan's name, $plan its short form in links.
figure-judged-better = „{ $name }“ ({ $plan }) braucht nicht mehr Speicher als der zuletzt beurteilte Plan und hat in jedem Datensatz mindestens so viele richtig.

# Cosine by layer, each sublayer alone pruned.
figure-layers-axis = Schicht
figure-layers-cosine = Kosinusähnlichkeit
figure-layers-attention = { $change ->
    [weights] Werden nur die Gewichte einer Attention-Teilschicht ausgedünnt, bleiben die Logits bei { $z } oder besser; die Wahrscheinlichkeiten fallen auf { $p }, in Schicht { $layer }.
   *[drop] Wird nur eine Attention-Teilschicht weggelassen, bleiben die Logits bei { $z } oder besser; die Wahrscheinlichkeiten fallen auf { $p }, in Schicht { $layer }.
 }
figure-layers-mlp = { $change ->
    [weights] Werden nur die Gewichte einer MLP-Teilschicht ausgedünnt, bleiben die Logits bei { $z } oder besser; die Wahrscheinlichkeiten fallen auf { $p }, in Schicht { $layer }.
   *[drop] Wird nur eine MLP-Teilschicht weggelassen, bleiben die Logits bei { $z } oder besser; die Wahrscheinlichkeiten fallen auf { $p }, in Schicht { $layer }.
 }

# The repair in words. $form is what replaces a sublayer ("a scale and a bias"), here always in the accusative;
# $without and $with are KL in nats.
figure-repair-fitted = Jede weggelassene Teilschicht wird durch { $form } ersetzt, angepasst an { $tokens } Token des Kalibriertexts{ $answers ->
    [0] {""}
    [one] {" "}und an einer Antwort des dichten Modells
   *[other] {" "}und an { $answers } Antworten des dichten Modells
 }; auf { $held_out } Token, die die Anpassung nicht gesehen hat, beträgt KL(dicht ‖ ausgedünnt) ohne Reparatur { $without } nat und mit ihr { $with }.
figure-repair-kept = { $numbers } Zahlen werden behalten ({ $size }).
figure-repair-not-applied = Nicht angewendet, weil es nicht hilft: Für { $form } beträgt KL(dicht ‖ ausgedünnt) auf { $held_out } Token, die die Anpassung nicht gesehen hat, ohne Reparatur { $without } nat und mit ihr { $with }.
figure-repair-is-pruned = Das Modell unten ist das ausgedünnte.
figure-repair-kilobytes = { $size } kB in halber Genauigkeit
figure-repair-megabytes = { $size } MB in halber Genauigkeit
# What stands between thousands in a whole number: a narrow space, since a comma would be read as the decimal one.
figure-repair-thousands = {"\u202F"}
# The repair at the LM head. $parts are one or both of the two that follow, with "; " between.
figure-repair-head-fitted = Am Kopf, angepasst an { $tokens } Token des Kalibriertexts und geprüft an { $held_out } anderen: { $parts }.
# Behind the sentence on sublayers, which names the tokens.
figure-repair-head = Am Kopf, auf denselben Token: { $parts }.
figure-repair-bias = { $applied ->
    [yes] eine Verschiebung von h um das { $length }-Fache seiner Länge bringt KL von { $before } auf { $after } nat
   *[no] eine Verschiebung von h um das { $length }-Fache seiner Länge bringt KL von { $before } auf { $after } nat und wird deshalb nicht angewendet
 }
figure-repair-temperature = { $applied ->
    [yes] das Teilen der Logits durch { $divisor } bringt KL von { $before } auf { $after } nat
   *[no] das Teilen der Logits durch { $divisor } bringt KL von { $before } auf { $after } nat und wird deshalb nicht angewendet
 }
figure-repair-full = Die volle Abbildung lässt { $full } nat, wo die kleinere Reparatur { $smaller } lässt, auf { $tokens } Token, die keine der beiden Anpassungen gesehen hat; { $verdict ->
    [used] deshalb wird sie verwendet
    [used-though-worse] dennoch wird sie verwendet
    [better] sie wäre also besser
   *[not-used] deshalb wird sie nicht verwendet
 }.

# Retrieval: how a passage's vector is made of its tokens, for how many queries the right passage comes first or among five,
# and the dense model's numbers.
figure-retrieval-ranked = Vektoren aus { $pooling ->
    [mean] dem Mittel der Token
   *[last] dem letzten Token
 }: Die richtige Passage ist bei { $first } von { $of } Anfragen die erste (dicht { $dense_first }), bei { $among_five } unter den ersten fünf (dicht { $dense_among_five }). Kendalls τ beider Reihenfolgen ist { $tau }; die Vektoren behalten einen Kosinus von { $cosine }.
figure-retrieval-repaired = Repariert: bei { $first } die erste, bei { $among_five } unter den ersten fünf.
figure-retrieval-flips = Umgekippt, { $model }: { $flipped } von { $of } Anfragen ({ $percent } %); bei { $to_wrong } ist die richtige Passage nicht mehr die erste, bei { $to_right } ist sie es nun.

# Searches for sublayers to drop. $method is a search's name.
figure-search-axis = weggelassene Teilschichten
figure-search-then-repaired = { $method }, dann repariert
figure-search-lower = Eine niedrigere Linie ist näher am dichten Modell, auf einem Text, den weder Suche noch Reparatur gesehen hat.
# A search and the distance of its plan, in the next sentence's four arguments.
figure-search-found = { $method } ({ $kl } nat)
figure-search-closest = { $count ->
    [one] Mit einer weggelassenen Teilschicht ist { $first } dem dichten Modell am nächsten, vor { $second }; repariert { $first_repaired }, vor { $second_repaired }. KL auf einem Text, den weder Suche noch Reparatur gesehen hat.
   *[other] Mit { $count } weggelassenen Teilschichten ist { $first } dem dichten Modell am nächsten, vor { $second }; repariert { $first_repaired }, vor { $second_repaired }. KL auf einem Text, den weder Suche noch Reparatur gesehen hat.
 }
