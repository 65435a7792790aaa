"""What is searched of each pruner, by fields of the config."""

from __future__ import annotations

WINDOW = {"window_start", "window_end"}
STDS = {"scheduler", "final_threshold", *WINDOW}
# What is searched of each method, typed from the papers' own dials, not from the registry.
SEARCHED: dict[str, set[str]] = {
    "dense": set(),
    "stds": STDS,
    "st": STDS,
    "nspdi": STDS | {"pruner_strength"},
    "str": {"pruner_strength"},
    "grad_r": {"final_sparsity", "pruner_strength"},
    "deep_r": {"final_sparsity", "pruner_strength"},
    "agp": {"scheduler", "final_sparsity", *WINDOW},
    "admm": {"final_sparsity", "pruner_strength", *WINDOW},
    "set": {"final_sparsity", *WINDOW},
    "rigl": {"final_sparsity", *WINDOW},
    "upr": {"pruner_strength", *WINDOW},
}
