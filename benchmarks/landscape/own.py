"""This project's search as the replay sees it: the one file here that leans on ``study/``."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.landscape import curves, design
from benchmarks.landscape.replay import Row
from study.search import Search
from study.spec import StudySpec
from study.stopping import SafetyStop
from trainables.assembly import final_threshold

OBJECTIVES = ("accuracy_val", "sparsity_params")
FLOOR = 0.5  # validation accuracy below which a trial is infeasible
STARTUP = 8  # quasi-random trials before anything is modelled


class Own:
    """``study.search.Search`` with the safety stop, as a study uses them.

    Its reference arms come first and are trained and paid for like every other trial.
    """

    def __init__(self, seed: int, sampler: str, schedulers: list[str]) -> None:
        ranges = {
            "schedulers": schedulers,
            "threshold": design.RANGES["final_threshold"],
            "start": design.RANGES["window_start"],
            "end": design.RANGES["window_end"],
        }
        budget = {"sampler": sampler, "trials": 1000, "search_seed": seed, "startup": STARTUP}
        spec = StudySpec(space=ranges, search={**budget, "accuracy_floor": FLOOR})
        self.search = Search(spec, None)
        margin = 2 * math.sqrt(curves.CHANCE * (1 - curves.CHANCE) / curves.SAMPLES)
        self.safety = SafetyStop(curves.CHANCE, margin)
        self.trials: dict[int, tuple[int, float]] = {}  # number there, final threshold

    def ask(self, number: int) -> dict[str, Any] | None:
        """Its next suggestion, of whatever kind."""
        suggestion = self.search.ask()
        if suggestion is None:
            return None
        self.trials[number] = (suggestion.number, final_threshold(suggestion.config))
        return {"pruner": "stds", "lr": design.LR} | suggestion.params

    def report(self, number: int, row: Row) -> bool:
        """What the safety stop says."""
        return self.safety.reason(number, row, self.trials[number][1]) is not None

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """COMPLETE, or PRUNED without values."""
        values = None if stopped else {name: rows[-1][name] for name in OBJECTIVES}
        self.search.tell(self.trials.pop(number)[0], "PRUNED" if stopped else "COMPLETE", values)
