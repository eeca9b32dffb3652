# Was sich einstellen lässt (src/page/controls.rs, src/page/compression_controls.rs, src/page/layer_grid.rs), und was die Seite von ihrer
# Arbeit meldet (src/page/status.rs).

# Der Prompt (src/page/controls.rs).
controls-ask = Das Modell fragen
controls-examples = Beispiel-Prompts
controls-example-capital = Hauptstadt
controls-example-choice = Auswahl
controls-example-opposite = Gegenteil
controls-example-story = Geschichte
controls-example-sums = Rechnen
controls-chat = als Chat
controls-no-template = Dieses Modell bringt keine Chat-Vorlage mit: „als Chat“ abwählen.
controls-model = Modell: { $name }
controls-sampling = Sampling
controls-seed = Startwert
controls-temperature = Temperatur (0 ist greedy)
controls-tokens = Zu schreibende Token
controls-top-k = Top-k (0 ist alle)
controls-top-p = Top-p

# Dünnbesetztheit und Quantisierung (src/page/compression_controls.rs).
compression-title = Dünnbesetztheit und Quantisierung
compression-remove = Gewichte entfernen
compression-remove-method = Wie die zu entfernenden Gewichte gewählt werden
compression-round = Gewichte runden
compression-round-method = Wie Gewichte gerundet werden
compression-none = keine
compression-magnitude = Betrag
compression-nearest = Auf den nächsten Wert runden
compression-pattern = Welcher Anteil der Gewichte
compression-ratio = Anteil
compression-percent = Anteil der zu entfernenden Gewichte in Prozent
compression-uneven = ungleich über die Schichten (OWL)
compression-uneven-hint = Schichten mit vielen Ausreißern behalten mehr ihrer Gewichte; der Anteil ist das Mittel über die Schichten
compression-bits = { $count } Bit
compression-bits-label = Bits je Gewicht
compression-group = Gruppe { $size }
compression-group-label = Gewichte mit gemeinsamer Skala
compression-in = in
compression-matrices = Welche Matrizen
compression-matrices-all = Attention und MLP
compression-matrices-attention = Attention
compression-matrices-mlp = MLP
compression-layers = Schichten { $first } bis { $last }
compression-first = Erste Schicht
compression-last = Letzte Schicht
compression-text = Kalibriertext
compression-text-built-in = Kalibriertext: mitgeliefert
compression-text-own = Kalibriertext: eigener
compression-text-hint = Wanda, SparseGPT, OWL, AWQ und GPTQ wählen danach, was das dichte Modell mit diesem Text macht. Leer: der mitgelieferte Text mit rund 2.100 Token. Höchstens 4.096 Token werden gelesen. Ein Link enthält den eigenen Text nicht.
compression-text-placeholder = Einen Text einfügen, wie ihn das Modell lesen wird
compression-text-use = Diesen Text verwenden

# Die Schalter der Schichten (src/page/layer_grid.rs).
grid-title = Schichten abschalten
grid-keys = Schichten: Pfeiltasten bewegen, die Leertaste schaltet, Umschalttaste mit Pfeiltaste schaltet im Weitergehen
grid-hint = Klicken oder ziehen. Die Zahl ist die ganze Schicht, A ihre Attention, M ihr MLP; je kräftiger die Farbe, desto mehr bewirkt der Teil.
grid-hint-effect = Klicken oder ziehen. Die Zahl ist die ganze Schicht, A ihre Attention, M ihr MLP; je kräftiger die Farbe, desto mehr ändert das Abschalten hier das nächste Wort.
grid-attention = Attention { $layer }
grid-layer = Schicht { $layer }
grid-mlp = MLP { $layer }
grid-state = { $is ->
    [off] { $switch }: aus
   *[on] { $switch }: an
 }
grid-state-least = { $is ->
    [off] { $switch }: aus, Wichtigkeit { $importance }, am unwichtigsten
   *[on] { $switch }: an, Wichtigkeit { $importance }, am unwichtigsten
 }
grid-state-ranked = { $is ->
    [off] { $switch }: aus, Wichtigkeit { $importance }, Platz { $rank } vom unwichtigsten aus
   *[on] { $switch }: an, Wichtigkeit { $importance }, Platz { $rank } vom unwichtigsten aus
 }
grid-effect = { $to ->
    [off] Hier abgeschaltet: cos p { $cos }, KL(dicht ‖ ausgedünnt) { $kl } nat
   *[on] Hier eingeschaltet: cos p { $cos }, KL(dicht ‖ ausgedünnt) { $kl } nat
 }
grid-shade-effect = Färben danach, was das Abschalten bei diesem Prompt bewirkt ({ $measured } von { $all } gemessen)
grid-importance = Wichtigkeit
grid-importance-normed = nach der Norm: N(x) mit f(N(x))
grid-importance-residual = vor der Norm: x mit x + f(x)
grid-save = Plan als Datei sichern
grid-save-hint = Als JSON-Datei mit drop_attn_list und drop_mlp_list; so eine Datei lässt sich irgendwo auf die Seite ziehen, um sie zu verwenden
grid-drop-least = Das Unwichtigste weglassen
grid-drop-attention = Attention
grid-drop-blocks = Blöcke
grid-drop-mlp = MLP

# Was die Seite meldet (src/page/status.rs).
status-dismiss = Diesen Hinweis ausblenden
status-dismiss-rest = Diese Hinweise ausblenden
status-trace-question = Dieser Link zeigt einen aufgezeichneten Lauf von { $host }; dort wird dann bekannt, dass der Link geöffnet wurde.
status-trace-show = Zeigen
status-trace-without = Ohne ihn weiter
status-not-recorded = Das ist nicht aufgezeichnet: Modell laden, um es zu berechnen.
status-not-recorded-yet = Das ist nicht aufgezeichnet: Es wird berechnet, sobald das Modell geladen ist.
status-recorded = Das ist ein aufgezeichneter Lauf. Was er nicht enthält, braucht das Modell.
status-load-model = Modell laden
status-resting = Eine andere Abbildung belegt die Engine, daher ist diese nicht vollständig.
status-waiting = Eine andere Abbildung wird gerade berechnet, danach diese. Eine Berührung zieht sie vor.
status-stopped = Angehalten: Das Gezeigte ist nicht vollständig.
status-go-on = Weiter
status-looking = Größe des Modells wird ermittelt …
status-starting = Engine wird gestartet …
status-starting-part = Engine wird gestartet, { $had } von { $all } MB
status-loading = { $file } wird geladen, { $had } von { $all } MB
status-loading-pace = { $file } wird geladen, { $had } von { $all } MB, { $speed } MB/s, noch { $left }
status-pause = Unterbrechen
status-try-again = Noch einmal versuchen
status-reload = Neu laden
status-use-cpu = CPU verwenden
status-use-default = Standardmodell verwenden
status-use-eight-bits = In 8 Bit laden
status-use-one = Ohne das zweite Modell
status-chose-cpu = Die CPU wurde von Hand gewählt.
status-working = { $what }, { $done } von { $total }
status-model = { $name }: { $layers } Schichten, gespeichert als { $stored }. „Dicht“ meint diese gespeicherten Gewichte, dequantisiert.
status-other-model = Anstelle des ausgedünnten Modells: { $name }, gespeichert als { $stored }.
status-default-model = { $model } von Hugging Face, Apache-2.0 ({ $licence }).
status-licence = Lizenz
status-attached = Prompts und Ergebnisse gehen zwischen dieser Seite und der Engine unter { $address } hin und her; sie rechnet.
status-cpu = CPU mit SIMD
status-device-check = Diese GPU stimmt auf { $tokens } Token mit der CPU überein (größter relativer Fehler { $error }, KL { $kl }). Für ein Token braucht sie etwa { $gpu }, ein Thread der CPU etwa { $cpu }.
status-threads = { $count } Threads.
status-memory = Speicher der Engine, Höchstwert: { $memory } MB.
status-version = Prunescope { $version }, nach { $paper }.
