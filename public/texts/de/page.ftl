# Die Seite als Ganzes: Engine, Dateien, Links, aufgezeichnete Läufe, die Geschichte, das Teilen (src/page/*.rs ohne eigene Gebiete, src/*.rs).

page-ask = Prompt und Einstellungen

# Laden, Rechnen und was dabei misslingt (src/page/controller.rs).

controller-no-model = Es ist kein Modell geladen, deshalb ändert das noch keine Zahl: Oben steht, was schiefgegangen ist.
controller-loading-stopped = Das Laden wurde angehalten. „Noch einmal versuchen“ setzt es dort fort, wo es war.
controller-did-not-stop = Die Engine hat nicht innerhalb von { $seconds } Sekunden angehalten und wurde deshalb beendet. Ändern, was sie berechnen soll, oder ein anderes Modell wählen, dann „Noch einmal versuchen“ drücken.
controller-went-on-with-cpu = Prunescope rechnet mit der CPU weiter.
controller-gpu-failed = Die GPU ist bei diesem Besuch ausgefallen.
controller-advice = „Noch einmal versuchen“ drücken; geschieht es wieder, unter „Modell“ ein anderes Modell oder Gerät wählen.
controller-again = noch einmal
controller-under-model = unter „Modell“
controller-no-model-in-frame = In diesem Rahmen gibt es „Modell“ nicht: dafür in einem Tab öffnen.
controller-no-template = Dieses Modell hat keine Chat-Vorlage, deshalb wird der Prompt als einfacher Text gelesen.
controller-template-off = Sie ist jetzt ausgeschaltet, deshalb wird der Prompt als einfacher Text gelesen.

# Der Worker, in dem die Engine läuft (src/page/client.rs).

client-unreadable = ein Fehler in Prunescope selbst: Die Seite kann nicht lesen, was ihre Engine sagt ({ $why }); die Seite neu laden und den Fehler melden, wenn er noch einmal auftritt
client-refused = der Browser oder eine Vorgabe des Hosts lässt ihren Worker nicht zu
client-ended = { $what }: „Noch einmal versuchen“ drücken; endet sie wieder, unter „Modell“ ein kleineres oder anderes Modell wählen oder dort seine Gewichte auf 8 Bit runden
client-silent = die Engine antwortet nicht mehr; vielleicht hat der Browser sie beendet
client-stopped = die Engine ist stehen geblieben ({ $why })
client-stopped-nested = die Engine ist stehen geblieben ({ $why }), weil etwas in den Dateien des Modells oder im Prompt zu tief verschachtelt ist
client-stopped-memory = die Engine ist stehen geblieben ({ $why }); wahrscheinlich reichte ihr der Speicher nicht

# Warum eine Engine nicht startet (src/engine_start.rs, src/page/engine_files.rs).

engine-missing = die Engine konnte nicht starten: Auf dem Host fehlt { $file }; in einigen Minuten noch einmal versuchen oder die Seite neu laden
engine-refused = die Engine konnte nicht starten: Der Host antwortet für { $file } mit { $status }; gleich noch einmal versuchen
engine-cut = die Engine konnte nicht starten: { $file } ist nicht vollständig angekommen; die Netzverbindung prüfen und noch einmal versuchen
engine-broken = die Engine konnte nicht starten ({ $why }): die Seite neu laden; hilft das nicht, einen aktuellen Browser verwenden
engine-no-folder = die Seite gibt nicht an, wo sie liegt
engine-silent = von der Engine war { $seconds } s lang nichts zu hören: die Netzverbindung prüfen und noch einmal versuchen, oder warten; startet sie doch noch, geht es von selbst weiter
engine-updated = Prunescope wurde aktualisiert, seit dieser Tab geöffnet wurde, und die Engine dieser Version gibt es auf dem Host nicht mehr: die Seite neu laden, um fortzufahren (die Adresse enthält alle Einstellungen)

# Eine Engine außerhalb des Browsers, die der Link mit engine= nennt (src/attached_engine.rs, src/page/client.rs). Die ersten drei sind Satzteile wie oben.
attached-unreachable = unter { $address } antwortet keine Engine, oder sie weist diese Seite ab (warum, steht in ihrem Terminal): mit prunescope serve starten und erneut versuchen, oder die Seite ohne engine= öffnen
attached-detach = In diesem Browser rechnen
attached-lost = die Verbindung zur Engine unter { $address } ist abgerissen: die Engine neu starten und „Erneut versuchen“ drücken
attached-unreadable = die Engine sagt etwas, das diese Seite nicht lesen kann ({ $why }): eine Engine derselben Version verwenden
attached-no-address = Die Engine „{ $address }“ im Link ist keine Adresse wie ws://127.0.0.1:8765/engine: Dieser Browser rechnet selbst.
attached-elsewhere = Der Link nennt eine Engine auf { $host }; das ist weder dieser Rechner noch der Host der Seite, und sie könnte die Prompts mitlesen. Sie wird nicht benutzt; dieser Browser rechnet selbst.

# Die Liste der Hinweise (src/notices.rs).
notices-rest = { $count ->
    [one] Ein weiterer Hinweis ist nicht zu sehen.
   *[other] { $count } weitere Hinweise sind nicht zu sehen.
 }

# Aufgezeichnete Läufe (src/page/recorded.rs).

recorded-not-shown = Die Aufzeichnung { $name } wird nicht gezeigt: { $why }. Die Seite macht ohne sie weiter.
recorded-not-written = Die Aufzeichnung kann nicht geschrieben werden: { $why }.
recorded-not-fetched = Der Abruf ist gescheitert, deshalb Adresse und Netz prüfen
recorded-status = Der Host hat mit dem Status { $status } geantwortet
recorded-too-large = Der Inhalt ist größer als { $megabytes } MB
recorded-no-text = Der Inhalt ist kein Text
recorded-unreadable = Der Inhalt lässt sich nicht lesen
recorded-elsewhere = { $why }; auch prüfen, ob der Host anderen Seiten das Lesen erlaubt (Header Access-Control-Allow-Origin)

# Dateien, die auf die Seite gezogen oder ausgewählt werden (src/given_files.rs, src/page/given_files.rs).

files-another-plan = { $file } ist ein weiterer Plan: Nur einer wird verwendet, deshalb einen nach dem anderen wählen.
files-another-run = { $file } ist ein weiterer aufgezeichneter Lauf: Nur einer wird gezeigt, deshalb einen nach dem anderen wählen.
files-left-alone = Neben den Gewichten nicht gebraucht und deshalb nicht verwendet: { $files }.
files-model-stays = Das Modell bleibt, wie es ist.
files-no-weights = { $file } beschreibt ein Modell, aber dessen Gewichte sind nicht unter den Dateien: zusammen mit den .safetensors-Dateien wählen.
files-empty = { $file } ist leer.
files-unknown = { $file } ist keine Datei, die diese Seite lesen kann: eine .gguf- oder .safetensors-Datei oder einen Satz im Format JSON Lines wählen.
files-zip = { $file } ist ein Zip-Archiv oder hat PyTorchs eigenes Format: die .safetensors- oder .gguf-Datei des Modells wählen.
files-pickle = { $file } ist ein Python-Pickle und kann Programme enthalten: die .safetensors- oder .gguf-Datei des Modells wählen.
files-gzip = { $file } ist mit gzip komprimiert: zuerst entpacken.
files-zstd = { $file } ist mit zstd komprimiert: zuerst entpacken.
files-parquet = { $file } ist eine Parquet-Datei: ihre Zeilen zuerst als JSON Lines speichern.
files-before-gguf = { $file } hat das Format, das es vor GGUF gab: zuerst mit llama.cpp umwandeln.
files-pdf = { $file } ist ein PDF.
files-json-list = { $file } ist eine JSON-Liste: Ein Satz hat ein JSON-Objekt je Zeile.
files-json = { $file } ist JSON, enthält aber weder Fragen noch Passagen: Jede Zeile braucht die Schlüssel, die in den Ansichten stehen.
files-web-page = { $file } ist eine Webseite, nicht die Datei, um die es darin gehen mag: die Datei selbst herunterladen.
files-text = { $file } ist ein Text: um damit zu kalibrieren, auf das Feld „Kalibriertext“ ziehen.
files-no-queries = { $file } enthält Passagen, aber keine Anfragen mit den Kennungen (id) ihrer Antworten: beides in eine Datei schreiben.
files-results = { $file } enthält Ergebnisse, die diese Seite gespeichert hat: um sie wieder zu sehen, den Link öffnen, von dem sie stammen.
files-parts = { $file } zählt die Teile eines Modells auf: die Adresse dieser Datei unter „Modell“ angeben; die Teile müssen daneben liegen.
files-plan-not-read = { $file }: { $why }. Der Plan bleibt, wie er ist.
files-not-loaded = { $file } wird nicht geladen, sondern { $loaded }: ein Modell nach dem anderen auf die Seite ziehen.
files-not-read = Die Datei { $file } konnte nicht gelesen werden: noch einmal wählen.
files-more-lines = { $count ->
    [one] { $file }: Eine weitere Zeile wird übersprungen.
   *[other] { $file }: { $count } weitere Zeilen werden übersprungen.
 }
files-nothing-usable = { $file } enthält nichts, was sich verwenden lässt; was vorher da war, bleibt.

# Speichern einer Datei (src/page/export.rs).
export-refused = Der Browser hat die Seite keine Datei speichern lassen.

# Eine Adresse aus einem Feld oder einem Link (src/page/address.rs).
address-wrong = { $address } ist keine Adresse ({ $why }): eine angeben, die mit https: beginnt.

# Das Feld mit Links für den Unterricht und Abbildungen für andere Seiten (src/page/sharing.rs).

sharing-label = Diese Seite teilen
sharing-title = Für den Unterricht oder in einer anderen Seite
sharing-close = Schließen
sharing-hint = Hier wird gewählt, was andere sehen. Die Seite zeigt es sofort; „gesperrt“ heißt: zu sehen, aber nicht zu bedienen.
sharing-colours = Farben
sharing-task = Eine Aufgabe über der Seite
sharing-story = mit der Geschichte statt mit diesen Einstellungen beginnen
sharing-copy-link = Link für den Unterricht kopieren
sharing-copy-frame = Als Rahmen kopieren (HTML)
sharing-copy-element = Als Abbildung kopieren (HTML, wächst mit ihrem Inhalt)
sharing-copy-bibtex = BibTeX kopieren
sharing-copy-markdown = Als Markdown kopieren
sharing-save = Seite sichern
sharing-save-hint = Was zu sehen ist, mit den Diagrammen aller Ansichten und ihren Zahlen, als eine HTML-Datei, die nichts sonst braucht; diese Seite öffnet sie wieder
sharing-see = Abbildung ansehen
sharing-preview = Die Abbildung, wie eine andere Seite sie zeigt

# Das Feld der Geschichte (src/page/story.rs).

story-label = Die Geschichte
story-not-read = Der Text der Geschichte konnte nicht gelesen werden: { $why }. Diesen Link noch einmal öffnen.
story-other-model = Die Geschichte handelt vom Standardmodell, ihre Zahlen sind also nicht die des jetzigen.
story-use-default = Standardmodell verwenden
story-leave = Geschichte verlassen
story-chapter = { $number } von { $count }: { $title }
story-back = Zurück
story-next = Weiter
story-finish = Fertig

# Was die Geschichte gefunden hat (src/story.rs): steht an der Stelle von {truth} in story.json.

story-cosine-more = mehr: Der Kosinus ist { $now } statt { $before }
story-cosine-less = weniger: Der Kosinus ist { $now } statt { $before }
story-choice = { $pruned } von { $count }, beim ganzen Modell sind es { $dense }
story-text-back = Er findet zurück
story-text-wrong = Er sagt etwas anderes
story-text-babble = Er zerfällt
story-none-alike = keines davon
story-quoted = { $name }: „{ $text }“
story-answer-back = Ja, die Antwort ist wieder da
story-answer-lost = Nein, die Antwort ist nicht wieder da
story-worst-switch = Ohne { $name } zerfällt der Text: Sein p ist { $kl } nat entfernt

# Was erwartet wurde, neben dem, was gefunden wurde.

story-said-close = Erwartet war { $said }: nah dran.
story-said-near = Erwartet war { $said }: nicht weit daneben.
story-said-far = Erwartet war { $said }: weit daneben.
story-said-right = Erwartet war „{ $answer }“: richtig.
story-said-wrong = Erwartet war „{ $answer }“: nein.

# Experimente unter einer Ansicht (src/page/experiments.rs).
experiments-title = Ausprobieren
experiments-all = Alle Experimente
