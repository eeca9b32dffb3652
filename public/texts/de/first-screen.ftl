# Die Überschrift und die Zahlen am gewählten Token, von der Schicht bis zum Wort (src/page/pipeline.rs).

pipeline-title = Wie viel übrig bleibt, von der Schicht bis zum Wort
# Hinter der Überschrift. $day ist wie 2026-01-31 geschrieben, auch im Folgenden.
pipeline-recorded = aufgezeichnet { $day }
# $program ist eine Versionsnummer, $model der Name eines Modells.
pipeline-recorded-hint = Aufgezeichnet am { $day } von Prunescope { $program } mit dem Modell { $model }; sobald hier gerechnet wird, ersetzen die eigenen Zahlen diese
# Unter der Zahl der eingeschalteten Teilschichten, die nicht dazugehört. $total ist eine Zahl, $sublayers die nächste Nachricht, die eine Erklärung hat.
pipeline-sublayers-on = von { $total } { $sublayers } an
pipeline-sublayers = Teilschichten
# Vier Wörter an Pfeilen, von Stufe zu Stufe.
pipeline-layers = Schichten
pipeline-head = LM-Kopf
pipeline-softmax = Softmax
pipeline-pick = Auswahl
# Namen der drei Räume; ihre Symbole h, z und p folgen.
pipeline-hidden = Verborgener Zustand
pipeline-logits = Logits
pipeline-probabilities = Wahrschein­lich­keiten
pipeline-cosine-hint = Kosinusähnlichkeit des dichten und des ausgedünnten Modells; 1 heißt gleich
pipeline-cosine-repaired = repariert { $cosine }
pipeline-cosine-repaired-hint = Kosinusähnlichkeit des dichten und des reparierten Modells
pipeline-kl = KL { $kl } nat
# Unter einer Zahl, die gemessen wurde, bevor ein Schalter umgelegt war; das zweite, wenn ein anderes Token als das erste gewählt ist.
pipeline-previewed = laut Vorschau
pipeline-previewed-first = erstes Token, laut Vorschau
pipeline-previewed-hint = Gemessen, bevor der Schalter umgelegt wurde; der Lauf, der es bestätigt, ist im Gange
# Vor dem Token, das jedes Modell schreibt.
pipeline-dense = dicht
pipeline-pruned = ausgedünnt
pipeline-repaired = repariert
pipeline-back = ↺ zurück zur Eingabe
pipeline-back-hint = Das gewählte Token wird an die Eingabe angehängt; so pflanzen sich Fehler fort
pipeline-nothing-off = Nichts ist abgeschaltet: Beide Modelle sind gleich. Unten eine Schicht abschalten.
# Während die Texte geschrieben werden. $place sagt, wo sie sich trennen, etwa: bei Token 6 „hot“ statt „cold“.
pipeline-parting = Die Texte trennen sich: { $place }…
# Die Beschriftung eines Schiebereglers. $number ist die Nummer des gewählten Tokens; was davor steht, hat eine Erklärung.
pipeline-token = Token { $number }
# Für Vorleseprogramme. $place ist eine der Nachrichten pipeline-place-.
pipeline-token-said = Token { $number }, { $place }
# Neben dem Schieberegler: wo das gewählte Token steht.
pipeline-place-own = wo jedes Modell seinen eigenen Text gelesen hat
pipeline-place-prompt = direkt nach dem Prompt
pipeline-place-after = nach „{ $text }“
# $place ist eine der drei vorigen Nachrichten.
pipeline-place-parting = { $place }, wo sich die Texte trennen
pipeline-place-not-recorded = { $place }: nicht aufgezeichnet
# Ein Knopf neben dem Schieberegler.
pipeline-deciding = das entscheidende
pipeline-deciding-hint = Zurück zum ersten Token, an dem sich die Texte unterscheiden
pipeline-two-contexts = Hier hat jedes Modell seinen eigenen Text gelesen; diese Zahlen vergleichen also zwei Kontexte.

# Die Texte, die die Modelle schreiben (src/page/texts.rs).

texts-title = Was die Modelle schreiben
texts-dense-writes = Das dichte Modell schreibt
texts-pruned-writes = Das ausgedünnte Modell schreibt
texts-repaired-writes = Das reparierte Modell schreibt
# Für Vorleseprogramme zu einem Token.
texts-token-said = { $token }, KL { $kl }
texts-token-not-compared = { $token }, KL nicht verglichen
texts-tint = Färbung: KL der Wahrscheinlichkeiten beider Modelle an jedem Token. Auf ein Token zeigen für seine Alternativen, es antippen für seine Zahlen oben.
texts-first-difference = Erster Unterschied: Token { $token }.
# In einem Kasten neben einem Token. $token ist seine Nummer.
texts-token-numbers = Token { $token }: cos p { $cosine }, KL { $kl } nat
# Über den wahrscheinlichsten Token eines Modells.
texts-dense = Dicht
texts-pruned = Ausgedünnt
texts-repaired = Repariert
texts-ended = Das andere Modell hat seinen Text beendet; hier wird nichts verglichen.

# Die Reparatur (src/page/repair.rs).

# Ein Knopf, und was hinter ihm steht. $form ist das, was eine weggelassene Teilschicht ersetzt.
repair-sublayers = Reparieren
repair-offer = An die Stelle jeder abgeschalteten Teilschicht tritt { $form }. Das dauert Sekunden, ohne Training.
# Ein weiterer Knopf, und was hinter ihm steht.
repair-head = Kopf kalibrieren
repair-offer-head = Ein Versatz von h und eine Temperatur der Logits werden angepasst. Das dauert Sekunden, ohne Training.
# Eine Auswahl, mit dem, was sie außer den Formen anbietet.
repair-forms = Was jede weggelassene Teilschicht ersetzt
repair-nothing = nichts
# Noch eine Auswahl. $form ist etwa: Versatz von h.
repair-head-forms = Was am Kopf repariert wird
repair-head-as-it-is = Kopf, wie er ist
repair-head-form = Kopf: { $form }
repair-undo = Ohne Reparatur
repair-awaits-full = Das ist die schnelle Reparatur. Solange die Seite nichts zu tun hat, passt sie eine größere Abbildung an, die übernimmt, wenn sie besser ist.
repair-use-full = Volle Abbildung verwenden
repair-own-answers = Eigene Antworten des dichten Modells ({ $count })
repair-own-answers-hint = Eine volle Abbildung wird auch an diese angepasst: Das dichte Modell hat sie selbst geschrieben.

# Unter der Erklärung eines Wortes (src/page/terms.rs): ein Knopf, und die Taste, die ihn drückt.

terms-in-story = In der Geschichte, Kapitel { $chapter }
terms-key = (Eingabetaste)

# Teile der Seite, und wie ein Link sie zeigt (src/page/part.rs, src/presentation.rs).

# Über einer Aufgabe, die eine Lehrkraft geschrieben hat.
part-task = Aufgabe, von diesem Link gestellt
part-prompt = Prompt und Modell
part-pipeline = Von der Schicht bis zum Wort
part-grid = Schalter der Schichten
part-compression = Dünnbesetztheit und Runden
part-texts = Texte
part-charts = Diagramme
# Wie ein Teil zu sehen ist: eines von dreien in einer Auswahl.
part-state-shown = sichtbar
part-state-locked = gesperrt
part-state-hidden = verborgen
# Die Farben der Seite: eines von dreien in einer Auswahl.
part-theme-auto = wie der Browser
part-theme-light = hell
part-theme-dark = dunkel
# $key ist ein Parameter des Links, $name das, was dort steht, $known zählt auf, was dort stehen darf.
part-unknown = { $what ->
    [part] „{ $key }“ im Link nennt den Teil „{ $name }“, den es nicht gibt; er bleibt unbeachtet. Möglich sind: { $known }.
    [theme] „{ $key }“ im Link nennt die Farben „{ $name }“, die es nicht gibt; sie bleiben unbeachtet. Möglich sind: { $known }.
   *[language] „{ $key }“ im Link nennt die Sprache „{ $name }“, die es nicht gibt; sie bleibt unbeachtet. Möglich sind: { $known }.
 }
