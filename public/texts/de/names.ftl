# Namen von Arten, in Menüs, Tabellen, Legenden und Sätzen (crates/figures/src/names.rs).

# Was an die Stelle einer abgeschalteten Teilschicht tritt; auch in „jede wird durch … ersetzt“, darum weiblich: eine Form für beide Fälle.
name-repair-bias = eine Verschiebung
name-repair-scale = eine Skalierung mit Verschiebung
name-repair-rank = eine Abbildung vom Rang { $rank }
name-repair-full = eine volle Abbildung
# Was am Kopf repariert wird.
name-head-temperature = Temperatur der Logits
name-head-bias = Versatz von h
name-head-both = Versatz von h und Temperatur
# Wozu ein Modell taugen kann.
name-retrieval = Retrieval
name-classification = Auswählen
name-generation = Schreiben
name-arithmetic = Rechnen
name-structure = Struktur
# Urteile.
name-safe = sicher
name-repairable = reparierbar
name-partly-lost = teilweise verloren
name-lost = verloren
name-unclear = hier nicht messbar
# Suchen nach den wegzulassenden Teilschichten.
name-one-shot = Wichtigkeit, einmal gemessen
name-joint = gemeinsame Rangliste
name-iterative = Wichtigkeit, jedes Mal neu gemessen
name-contiguous = zusammenhängendes Stück
name-greedy = gierig nach KL
name-greedy-repaired = gierig, repariert
# Die Matrizen einer Schicht.
name-query = Query
name-key = Key
name-value = Value
name-output = Ausgabe
name-gate = Gate
name-up = Up
name-down = Down
