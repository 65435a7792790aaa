"""One training run of a pruned spiking network. Knows nothing of Ray, Optuna or the report."""
