# Die Zeile am Kopf der Seite (src/page/header.rs, src/page/language.rs).

header-copied = Link kopiert
header-copy = Link kopieren
header-copy-refused = Aus der Adresszeile kopieren
header-export = JSON-Export
header-more = Mehr
header-open = In einem Tab öffnen
header-reset = Zurücksetzen
header-save-trace = Aufzeichnung sichern
header-save-trace-hint = Der Lauf mit seinen Messungen als Datei, die diese Seite ohne Modell wieder zeigt
header-share = Teilen
header-stop = Anhalten
header-stop-hint = Anhalten, was gerade läuft
header-story = Die Geschichte
header-tagline = Teile eines Sprachmodells abschalten und sehen, wo das Signal zerbricht.
language-choice = Sprache
language-late = sie kam nicht rechtzeitig
language-not-read = Die Seite kann nicht auf { $language } gezeigt werden: { $why }. Sie ist auf Englisch; ein neuer Versuch: die Seite noch einmal öffnen.

# Ein Knopf, der etwas kopiert (src/page/copy_button.rs): was er dann sagt.
copy-done = Kopiert
copy-refused = Der Browser erlaubt das Kopieren nicht

# Der Kopf einer gesicherten Seite (src/page/session.rs).
session-link = Link
session-model = Modell
session-not-saved = Die Seite ließ sich nicht sichern: die Netzverbindung prüfen und noch einmal versuchen.
session-plan = Plan
session-prompt = Prompt
session-saved = Gesichert am { $day } von Version { $program }. Weiter geht es, indem diese Datei auf der Seite geöffnet wird.
