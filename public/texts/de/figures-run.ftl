# Sentences and labels of the figures that are made from a run, the sweep and the weights (crates/figures/src/figure: steps.rs, sweep.rs,
# text_change.rs, theorems.rs, tokens.rs, verdict.rs, weights.rs). Numbers with decimals come as texts.

# steps.rs: metrics over the generated tokens.
# $name is the name of a line: h, z, p or KL, or the same of the repaired model (figure-steps-repaired-name).
figure-steps-on-dense-text = { $name } auf dem Text des dichten Modells
# $name is h, z, p or KL. A comma and a blank must follow it: what stands before them is written at the line's end.
figure-steps-repaired-name = { $name }, repariert
# Name of the vertical axis.
figure-steps-cosine = Kosinusähnlichkeit
# Name of the vertical axis: the loss of the dense model.
figure-steps-loss = −log p des dichten Modells
# Cosines.
figure-steps-hidden-and-logits = Über den Text hinweg behalten die verborgenen Zustände im Mittel einen Kosinus von { $h }, die Logits einen von { $z }.
figure-steps-hidden-and-logits-repaired = Repariert: { $h } und { $z }.
figure-steps-probabilities = Die Wahrscheinlichkeiten behalten auf dem eigenen Text des ausgedünnten Modells im Mittel einen Kosinus von { $own }; liest es den Text des dichten Modells, sind es { $fixed }.
figure-steps-probabilities-so-far = Die Wahrscheinlichkeiten behalten bisher im Mittel einen Kosinus von { $own }.
# $own: mean KL on the pruned model's own text, $fixed: mean KL on the dense model's text.
figure-steps-kl-reworded = Auf dem Text des dichten Modells beträgt die KL im Mittel { $fixed } nat. Auf dem eigenen Text sind es { $own }, doch dieser Text ist nur umformuliert: Stelle für Stelle lesen die beiden Modelle dort verschiedene Wörter, und das ist kein Schaden.
# $share is a percentage.
figure-steps-kl-feedback = Die KL beträgt auf dem eigenen Text im Mittel { $own } nat, auf dem des dichten Modells { $fixed }: Die schattierte Rückwirkung macht { $share } % davon aus.
figure-steps-kl-no-feedback = Die KL beträgt auf dem eigenen Text im Mittel { $own } nat und auf dem des dichten Modells { $fixed }: Hier trägt die Rückwirkung nichts bei.
figure-steps-kl-so-far = Die KL beträgt bisher im Mittel { $own } nat.
# Follows one of the sentences above. $unit is nats (KL) or none (a cosine).
figure-steps-repaired-means = { $unit ->
    [nats] Repariert: { $own } nat auf dem eigenen Text, { $fixed } auf dem des dichten Modells.
   *[none] Repariert: { $own } auf dem eigenen Text, { $fixed } auf dem des dichten Modells.
}
figure-steps-repaired-so-far = { $unit ->
    [nats] Repariert: bisher { $own } nat.
   *[none] Repariert: bisher { $own }.
}
# Names of lines: the loss at each token of the text that a model wrote.
figure-steps-dense-text = Text des dichten Modells
figure-steps-pruned-text = Text des ausgedünnten Modells
figure-steps-repaired-text = Text des reparierten Modells
# $dense and $pruned are losses; $pairs and $runs are percentages of the pruned text, $dense_pairs and $dense_runs of the dense one.
figure-steps-collapse = Das dichte Modell ist von seinem eigenen Text um { $dense } nat je Token überrascht und von dem des ausgedünnten Modells um { $pruned }. In diesem sind { $pairs } % der Tokenpaare verschieden (dicht { $dense_pairs } %), und { $runs } % der Dreierfolgen wiederholen sich (dicht { $dense_runs } %).
# Follows figure-steps-collapse.
figure-steps-collapse-repaired = Vom Text des reparierten Modells ist es um { $loss } überrascht; { $pairs } % der Paare sind verschieden, { $runs } % der Dreierfolgen wiederholen sich.

# sweep.rs: scores against the amount of pruning.
# What is scored, at the beginning of figure-sweep-told.
figure-sweep-choice = Multiple Choice
figure-sweep-retrieval = Retrieval
figure-sweep-generation = Exakte Antworten
# Names of lines: what is pruned, or how. In the legend, and in figure-sweep-line.
figure-sweep-attention = Attention
figure-sweep-blocks = Blöcke (ShortGPT)
figure-sweep-magnitude = Betrag
figure-sweep-round-to-nearest = Runden zum nächsten Wert
figure-sweep-attention-repaired = Attention, repariert
figure-sweep-mlp-repaired = MLP, repariert
# Names of the horizontal axis.
figure-sweep-axis-layers = weggelassene Teilschichten oder Blöcke, die unwichtigsten zuerst
figure-sweep-axis-sparsity = entfernte Gewichte in Prozent
figure-sweep-axis-bits = Bits je Gewicht (16: nicht gerundet)
# Name of the vertical axis: the share of items that are right.
figure-sweep-right = richtig
# How one line falls: $from and $to are percentages, $at is where on the horizontal axis the last point is.
figure-sweep-line = { $line } von { $from } auf { $to } % bei { $at }
# $lines: one or more figure-sweep-line, with commas between them. $items: questions, queries or prompts.
figure-sweep-told = { $items ->
    [one] { $score }: { $lines }; { $items } Aufgabe je Punkt, die Bänder sind 95-%-Intervalle.
   *[other] { $score }: { $lines }; { $items } Aufgaben je Punkt, die Bänder sind 95-%-Intervalle.
}
# The same while some points have fewer items than others.
figure-sweep-refining = { $score }: { $lines }; bisher { $fewest } bis { $items } Aufgaben je Punkt, die Bänder sind 95-%-Intervalle.
# The same as long as no line has two points.
figure-sweep-items = { $items ->
    [one] { $items } Aufgabe je Punkt; die Bänder sind 95-%-Intervalle.
   *[other] { $items } Aufgaben je Punkt; die Bänder sind 95-%-Intervalle.
}

# text_change.rs: what became of the pruned text.
# $parting is one of the messages below, "bei Token 6 „hot“ statt „cold“".
figure-text-change-same = Gleich: Das ausgedünnte Modell schreibt den Text des dichten Modells.
figure-text-change-answered = Umformuliert: andere Wörter, aber die Antwort ist noch da ({ $parting }).
figure-text-change-reworded = Umformuliert: andere Wörter, die das dichte Modell so wahrscheinlich findet wie seine eigenen ({ $parting }).
figure-text-change-wrong = Falsch: { $parting }, und die Antwort ist verloren.
figure-text-change-off-course = Vom Kurs abgekommen: { $parting }, und den Rest würde das dichte Modell kaum schreiben.
figure-text-change-babble = Kauderwelsch: { $parting }, und dann zerfällt der Text.
# Follows one of those: the repaired model's text.
figure-text-change-repaired-same = Repariert: wieder der Text des dichten Modells.
figure-text-change-repaired-answered = Repariert: andere Wörter, und die Antwort ist da.
figure-text-change-repaired-reworded = Repariert: andere Wörter, für das dichte Modell so wahrscheinlich wie seine eigenen.
figure-text-change-repaired-off-course = Repariert: noch immer vom Kurs abgekommen.
figure-text-change-repaired-babble = Repariert: noch immer Kauderwelsch.
# Where the texts part, for the middle of a sentence. $pruned and $dense are tokens; "end" is the end of the text, "nothing" a token that the
# pruned text lacks.
figure-text-change-parting = bei Token { $token }
figure-text-change-word-for-word = bei Token { $token } „{ $pruned }“ statt „{ $dense }“
figure-text-change-word-for-end = bei Token { $token } „{ $pruned }“ statt des Endes
figure-text-change-end-for-word = bei Token { $token } das Ende statt „{ $dense }“
figure-text-change-end-for-end = bei Token { $token } ein anderes Ende
figure-text-change-nothing-for-word = bei Token { $token } nichts statt „{ $dense }“
figure-text-change-nothing-for-end = bei Token { $token } nichts statt des Endes
# $runs and $dense_runs are percentages, $loss and $dense_loss nats.
figure-text-change-collapsed-repeats = Der Text ist zerfallen: { $runs } % seiner Folgen von drei Token wiederholen sich (dicht { $dense_runs } %).
figure-text-change-collapsed-surprises = Der Text ist zerfallen: Er überrascht das dichte Modell um { $loss } nat je Token (dessen eigener Text um { $dense_loss }).
figure-text-change-collapsed-both = Der Text ist zerfallen: { $runs } % seiner Folgen von drei Token wiederholen sich (dicht { $dense_runs } %), und er überrascht das dichte Modell um { $loss } nat je Token (dessen eigener Text um { $dense_loss }).

# theorems.rs: measured values against estimates.
# Names of the horizontal axis.
figure-theorems-axis-dense-text = Token im Text des dichten Modells
figure-theorems-axis-layer = Schicht
# Name of a dashed line. $name is what is estimated: "1 − cos h", "KL".
figure-theorems-estimate = Schätzung von { $name }
figure-theorems-holds = Die Schätzung weicht hier nirgends um mehr als { $percent } % vom wahren Wert ab.
figure-theorems-fails = Δz ist zu groß für die Schätzung zweiter Ordnung: Sie weicht hier überall um mehr als { $percent } % ab.
# $places and $all are numbers of places along the axis, $smallest is the smallest true value among the shaded ones.
figure-theorems-fails-in-places = Die Schätzung weicht an { $places } von { $all } Stellen (schattiert) um mehr als { $percent } % ab; der wahre Wert ist dort { $smallest } oder größer.
# Name of the vertical axis.
figure-theorems-axis-share = Anteil an ‖x‖
# $h and $z are ratios; $along_h and $along_z percentages, by which h and z shrink or grow. $change: shrink and grow say it of both, h-shrinks
# that h shrinks and z grows, z-shrinks that h grows and z shrinks.
figure-theorems-parts = { $change ->
    [shrink] Nur der orthogonale Anteil dreht einen Vektor. Im Mittel ist er in h das { $h }-Fache und in z das { $z }-Fache des parallelen Anteils; in der eigenen Richtung schrumpft h um { $along_h } % und z um { $along_z } %.
    [h-shrinks] Nur der orthogonale Anteil dreht einen Vektor. Im Mittel ist er in h das { $h }-Fache und in z das { $z }-Fache des parallelen Anteils; in der eigenen Richtung schrumpft h um { $along_h } %, und z wächst um { $along_z } %.
    [z-shrinks] Nur der orthogonale Anteil dreht einen Vektor. Im Mittel ist er in h das { $h }-Fache und in z das { $z }-Fache des parallelen Anteils; in der eigenen Richtung wächst h um { $along_h } %, und z schrumpft um { $along_z } %.
   *[grow] Nur der orthogonale Anteil dreht einen Vektor. Im Mittel ist er in h das { $h }-Fache und in z das { $z }-Fache des parallelen Anteils; in der eigenen Richtung wächst h um { $along_h } % und z um { $along_z } %.
}
# $largest is a token of the vocabulary, $token a place in the text.
figure-theorems-damage = Bei Token { $token } des Textes machen drei Token des ganzen Vokabulars { $percent } % von Var_p(Δz) aus, und damit der KL. Das größte ist „{ $largest }“: p = { $p }, Gewicht r = { $r }, Δz = { $delta } gegenüber dem Mittel.
# Names of the bars, and of their axis.
figure-theorems-share-p = Anteil an Var_p(Δz), KL
figure-theorems-share-r = Anteil an Var_r(Δz), cos p
figure-theorems-axis-variance = Anteil an der Varianz

# tokens.rs: the most likely tokens.
# $count and $shared are numbers of tokens, $name is the likeliest token, $from and $to are percentages.
figure-tokens-next = { $shared ->
    [one] Von den { $count } wahrscheinlichsten Token des dichten Modells ist noch { $shared } unter denen des ausgedünnten. „{ $name }“ geht von { $from } auf { $to } %; der Kosinus der Logits ist { $cos_z }, der der Wahrscheinlichkeiten { $cos_p }.
   *[other] Von den { $count } wahrscheinlichsten Token des dichten Modells sind noch { $shared } unter denen des ausgedünnten. „{ $name }“ geht von { $from } auf { $to } %; der Kosinus der Logits ist { $cos_z }, der der Wahrscheinlichkeiten { $cos_p }.
}
# Follows figure-tokens-next: how many of these tokens are among the repaired model's.
figure-tokens-next-repaired = { $shared ->
    [one] Repariert ist es { $shared }, „{ $name }“ hat { $probability } %, und die Kosinus sind { $cos_z } und { $cos_p }.
   *[other] Repariert sind es { $shared }, „{ $name }“ hat { $probability } %, und die Kosinus sind { $cos_z } und { $cos_p }.
}
figure-tokens-bar-missing = Ein Balken fehlt, wo ein Token nicht unter den zehn wahrscheinlichsten dieses Modells ist.
# Names of a table's columns. $change is Δz∥ or Δz⊥.
figure-tokens-column-token = Token
figure-tokens-column-repaired = { $change }, repariert
figure-tokens-parts = Δz∥ = α z mit α = { $alpha }: Das skaliert alle Logits gleich, wie es eine andere Temperatur täte. Nur Δz⊥ ändert ihre Reihenfolge.
figure-tokens-parts-repaired = Δz∥ = α z mit α = { $alpha }, repariert { $repaired }: Das skaliert alle Logits gleich, wie es eine andere Temperatur täte. Nur Δz⊥ ändert ihre Reihenfolge.

# verdict.rs: what the numbers of one token mean. Without a full stop, which the page adds.
figure-verdict-angle = ein Winkel von { $degrees }°
figure-verdict-not-finite = Einige Zahlen sind nicht endlich (NaN oder unendlich), daher lassen sich die Modelle nicht vergleichen
# $token counts from 1.
figure-verdict-alike = { $token ->
    [1] Beim ersten Token ändern sich die Wahrscheinlichkeiten kaum
   *[other] Bei Token { $token } ändern sich die Wahrscheinlichkeiten kaum
}
figure-verdict-slips = { $token ->
    [1] Beim ersten Token bleiben verborgener Zustand und Logits nah beieinander, während die Wahrscheinlichkeiten abzurutschen beginnen
   *[other] Bei Token { $token } bleiben verborgener Zustand und Logits nah beieinander, während die Wahrscheinlichkeiten abzurutschen beginnen
}
figure-verdict-slips-behind-logits = { $token ->
    [1] Beim ersten Token bleiben die Logits nah beieinander, während die Wahrscheinlichkeiten abzurutschen beginnen
   *[other] Bei Token { $token } bleiben die Logits nah beieinander, während die Wahrscheinlichkeiten abzurutschen beginnen
}
figure-verdict-apart = { $token ->
    [1] Beim ersten Token sehen sich die Logits noch ähnlich, doch die Wahrscheinlichkeiten haben sich getrennt
   *[other] Bei Token { $token } sehen sich die Logits noch ähnlich, doch die Wahrscheinlichkeiten haben sich getrennt
}
figure-verdict-logits-moved = { $token ->
    [1] Beim ersten Token haben sich die Logits verschoben, doch die Wahrscheinlichkeiten stimmen noch überein
   *[other] Bei Token { $token } haben sich die Logits verschoben, doch die Wahrscheinlichkeiten stimmen noch überein
}
figure-verdict-lost = { $token ->
    [1] Beim ersten Token ist das Signal schon vor den Logits verloren
   *[other] Bei Token { $token } ist das Signal schon vor den Logits verloren
}
# What a repair does to the probabilities; follows one of those as a sentence of its own. $now and $before are cosines.
figure-verdict-repaired = { $token ->
    [1] Beim ersten Token stellt die Reparatur die Wahrscheinlichkeiten wieder her (cos p { $now } statt { $before })
   *[other] Bei Token { $token } stellt die Reparatur die Wahrscheinlichkeiten wieder her (cos p { $now } statt { $before })
}
figure-verdict-repaired-in-part = { $token ->
    [1] Beim ersten Token stellt die Reparatur die Wahrscheinlichkeiten zum Teil wieder her (cos p { $now } statt { $before })
   *[other] Bei Token { $token } stellt die Reparatur die Wahrscheinlichkeiten zum Teil wieder her (cos p { $now } statt { $before })
}
figure-verdict-repaired-not = { $token ->
    [1] Beim ersten Token hilft die Reparatur nicht (cos p { $now } statt { $before })
   *[other] Bei Token { $token } hilft die Reparatur nicht (cos p { $now } statt { $before })
}

# weights.rs: what a plan did to the weights.
# $matrix is query, key, value, output, gate, up or down; $zeros a percentage.
figure-weights-mask = Die ersten { $rows } Zeilen und { $columns } Spalten der Matrix „{ $matrix }“ von Schicht { $layer }: { $zeros } % dieser Gewichte sind null (weiß).
figure-weights-memory = Die Matrizen der Blöcke würden { $plan } MB statt { $dense } MB in halber Genauigkeit belegen: { $saved } % gespart.
# One of these three stands before figure-weights-memory. $zeros is a percentage, $change a ratio.
figure-weights-not-edited = Es sind keine Gewichte geändert.
figure-weights-edited = { $matrices ->
    [one] { $matrices } Matrix geändert, im Mittel { $zeros } % Nullen und eine relative Änderung von { $change }.
   *[other] { $matrices } Matrizen geändert, im Mittel { $zeros } % Nullen und eine relative Änderung von { $change }.
}
figure-weights-edited-calibrated = { $matrices ->
    [one] { $matrices } Matrix geändert, gewählt anhand von { $tokens } Token Kalibriertext, im Mittel { $zeros } % Nullen und eine relative Änderung von { $change }.
   *[other] { $matrices } Matrizen geändert, gewählt anhand von { $tokens } Token Kalibriertext, im Mittel { $zeros } % Nullen und eine relative Änderung von { $change }.
}
