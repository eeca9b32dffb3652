# Names of kinds, in menus, tables, legends and sentences (crates/figures/src/names.rs).

# What stands in the place of a sublayer that is switched off; also as "each is replaced by …".
name-repair-bias = a bias
name-repair-scale = a scale and a bias
name-repair-rank = a map of rank { $rank }
name-repair-full = a full map
# What is repaired at the head.
name-head-temperature = temperature of the logits
name-head-bias = offset of h
name-head-both = offset of h and temperature
# What a model may be good for.
name-retrieval = Retrieval
name-classification = Classification
name-generation = Generation
name-arithmetic = Arithmetic
name-structure = Structure
# Verdicts.
name-safe = safe
name-repairable = repairable
name-partly-lost = partly lost
name-lost = lost
name-unclear = not measurable here
# Searches for the sublayers to drop.
name-one-shot = one-shot importance
name-joint = joint ranking
name-iterative = iterative importance
name-contiguous = contiguous stretch
name-greedy = greedy by KL
name-greedy-repaired = repaired greedy
# The matrices of a layer.
name-query = query
name-key = key
name-value = value
name-output = output
name-gate = gate
name-up = up
name-down = down
