# The choice of models and of the device, and the question before a model is fetched (src/page/model_picker.rs, src/page/models.rs,
# src/page/device.rs, src/consent).

# The fields under the heading "Model". CPU and WebGPU are called the same in every language.
picker-model = Modell: ein Repository auf Hugging Face oder die Adresse einer GGUF-Datei
picker-other = Mit einem zweiten Modell vergleichen, etwa einer ausgedünnten Fassung des ersten
# Stands in the empty field of the second model.
picker-other-none = keines
picker-load = Laden
picker-files = oder Dateien auf diesem Computer (oder auf die Seite ziehen)
picker-files-in-links = Ein Link kann keine Datei enthalten: Wer ihn öffnet, muss die Datei ebenfalls haben.
picker-suggestions = Modelle zum Ausprobieren
# $licence is a licence's name, or gemma: Google's terms for its Gemma models. $megabytes and $memory are whole numbers.
picker-suggestion-hint = { $licence ->
    [gemma] { $model }: { $megabytes } MB zum Herunterladen, etwa { $memory } MB Arbeitsspeicher, Nutzungsbedingungen von Gemma
   *[other] { $model }: { $megabytes } MB zum Herunterladen, etwa { $memory } MB Arbeitsspeicher, { $licence }
 }
# The size of a model, beside its name.
picker-megabytes = { $megabytes } MB
picker-device = Gerät
# The choice of the device: what is best in this browser.
picker-device-best = bestes
picker-precision = nicht quantisierte Gewichte auf 8 Bit runden, um Arbeitsspeicher zu sparen

# A hub is a site with models, such as huggingface.co; $host is its host name.
picker-hubs = Private Modelle, andere Hubs
picker-hub = Hub
picker-no-token-in-frame = Im Rahmen einer anderen Seite wird kein Zugriffstoken angenommen, da jene Seite die Ergebnisse lesen kann: in einem Tab öffnen.
picker-hub-of-link = { $host } stammt aus dem Link, nicht aus einer eigenen Eingabe. Wer diesen Hub betreibt, kann jedes hier eingegebene Zugriffstoken verwenden: nur eines eingeben, wenn es der eigene oder ein bekannter Hub ist, und nie das eines anderen Hubs.
# A button.
picker-trust-hub = { $host } ein Zugriffstoken geben
picker-token = Zugriffstoken für { $host }
picker-token-stays = Bleibt nur in diesem Tab und wird nur an { $host } gesendet.

# The list of models that are stored on this device.
picker-kept = Auf diesem Gerät gespeichert, für Besuche ohne Netz
picker-delete = Löschen
# What a screen reader says for the button above.
picker-delete-hint = { $model } löschen
picker-evictable = Dieser Browser löscht diese Dateien möglicherweise, wenn er Platz braucht oder längere Zeit kein Besuch stattfindet; sie werden dann erneut heruntergeladen.

# $name is the name of a file.
models-file-of-link = Das Modell ist die Datei { $name } auf dem Computer, auf dem dieser Link entstanden ist: diese Datei unter „Modell“ auswählen oder das Standardmodell verwenden.
# $model is a model's name, $why an error's text from the browser.
models-undeleted = { $model } konnte nicht gelöscht werden ({ $why }): die Seite neu laden und es noch einmal versuchen.
models-undeleted-while-read = { $model } wird gerade gelesen, hier oder in einem anderen Tab: nach dem Laden löschen oder den anderen Tab schließen.

# Why the page computes on the CPU or through WebGPU.
device-cpu-asked = Der Link oder das Menü verlangt die CPU.
device-webgpu-asked = WebGPU wurde verlangt.
device-webgpu-asked-software = WebGPU wurde verlangt; dieser Adapter ist nur Software.
device-webgpu-software = WebGPU ist in diesem Browser nur Software, langsamer als die Engine für die CPU.
device-webgpu-found = Dieser Browser hat einen echten WebGPU-Adapter.
# Stands behind a sentence with both speeds.
device-measured-earlier = Das wurde bei einem früheren Besuch gemessen; unter „Modell“ lässt sich WebGPU wählen.
# $why: unsupported (no WebGPU at all), silent (no answer), or none (no adapter).
device-no-webgpu = { $why ->
    [unsupported] Kein WebGPU: Dieser Browser hat kein WebGPU, oder die Seite kommt weder über https noch von localhost.
    [silent] Kein WebGPU: Dieser Browser antwortet nicht auf die Frage nach einem Grafikadapter.
   *[none] Kein WebGPU: Dieser Browser findet keinen Grafikadapter.
 }
device-no-webgpu-but-asked = { $why ->
    [unsupported] WebGPU wurde verlangt, aber dieser Browser hat kein WebGPU, oder die Seite kommt weder über https noch von localhost: einen aktuellen Browser mit GPU verwenden oder zur CPU wechseln.
    [silent] WebGPU wurde verlangt, aber dieser Browser antwortet nicht auf die Frage nach einem Grafikadapter: einen aktuellen Browser mit GPU verwenden oder zur CPU wechseln.
   *[none] WebGPU wurde verlangt, aber dieser Browser findet keinen Grafikadapter: einen aktuellen Browser mit GPU verwenden oder zur CPU wechseln.
 }

# Addresses that are refused. $scheme is what stands before the colon, such as ftp.
consent-scheme = Eine Adresse, die mit { $scheme }: beginnt, kann von einer Seite nicht geladen werden: eine angeben, die mit https: beginnt.
consent-password = Die Adresse enthält einen Namen oder ein Passwort, was Browser nicht senden: beides herausnehmen.
consent-no-token = { $host } bekommt kein Zugriffstoken, da die Adresse nicht mit https beginnt: Unterwegs könnte jeder das Token lesen.

# The question before a model is fetched: its title.
consent-title-link = Dieser Link verlangt ein Modell, das nicht auf diesem Gerät ist
consent-title-default = Das Modell ist nicht auf diesem Gerät
consent-title-large = Dies ist ein großes Modell
# A line for each model. $model is its name, or consent-default-model; $host is the host it comes from; $size is an amount, such as 98 MB.
consent-default-model = das Standardmodell
consent-model = { $model } von { $host }
consent-model-size = { $model } von { $host }: { $size }
consent-model-not-asked = { $model } von { $host }: Wie groß es ist, ist erst bekannt, wenn { $host } danach gefragt wird
consent-model-not-said = { $model } von { $host }: { $host } konnte nicht nach der Größe gefragt werden oder hat sie nicht genannt
consent-model-redirect = { $model } von { $host } mit einer Weiterleitung an eine andere Adresse
# The reasons for asking. $hosts are $count hosts, joined with consent-and; $usual is huggingface.co; $most is the greatest amount.
consent-hosts = { $count ->
    [one] { $hosts } ist weder diese Website noch { $usual }; dort wurde noch nichts angefragt.
   *[other] { $hosts } sind weder diese Website noch { $usual }; dort wurde noch nichts angefragt.
 }
# $size is the amount that $count models have together.
consent-bytes = { $count ->
    [one] { $size } sind mehr, als ein Link ungefragt laden darf ({ $most }).
   *[other] Zusammen sind das { $size }, mehr als ein Link ungefragt laden darf ({ $most }).
 }
consent-bytes-unknown = Das Modell ist möglicherweise groß.
consent-redirect = Wohin { $host } weiterleitet und wie groß das Modell dort ist, ist erst bekannt, wenn der Weiterleitung gefolgt wird.
consent-more = Das ist mehr, als dieser Link zu brauchen schien, bevor etwas geladen wurde.
consent-saves-data = Dieser Browser bittet Seiten, Daten zu sparen.
consent-more-than-a-tab-holds = Das ist mehr, als ein Tab auf der CPU aufnehmen kann ({ $most }): Das Laden schlägt möglicherweise fehl.
# The button that agrees. $hosts are one host or several, joined with consent-and.
consent-load = Von { $hosts } laden
consent-load-size = { $size } von { $hosts } laden
# Joins hosts. $first are all but the last, with commas between them.
consent-and = { $first } und { $last }
# An amount, where others are like 98 MB or 3.2 GB.
consent-less-than-a-megabyte = weniger als 1 MB

# At the bottom of the page: what leaves this tab.
consent-computed-in-frame = Alles wird in diesem Rahmen berechnet; die Seite um ihn herum kann den Prompt und die Ergebnisse lesen.
consent-computed-in-tab = Alles wird in diesem Tab berechnet.
consent-link-holds-prompt = Der Link in der Adressleiste enthält den Prompt, und diese Website erhält ihn, wenn der Link geöffnet oder neu geladen wird.
consent-host-learns = { $host } erfährt, welches Modell geladen wird.
consent-host-learns-with-token = { $host } erfährt, welches Modell geladen wird, und erhält das Zugriffstoken.
