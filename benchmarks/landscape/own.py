"""This project's search as the replay sees it: the one file here that leans on ``study/``."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.landscape import design
from benchmarks.landscape.replay import Row
from study.agenda import Agenda, Suggestion
from study.outcome import feasible
from study.search import Search
from study.spec import StudySpec
from study.stopping.stops import Stops

OBJECTIVES = ("accuracy_val", "sparsity_params")
FLOOR = 0.5  # validation accuracy below which a trial is infeasible
STARTUP = 8  # quasi-random trials before anything is modelled


class Own:
    """Agenda, search and stops as a study uses them, in memory.

    The reference arms come first and are trained and paid for like every other trial.
    """

    def __init__(
        self, seed: int, sampler: str, schedulers: list[str], stop_rule: str = "none", train_s: float = 0.0
    ) -> None:
        ranges = {
            "schedulers": schedulers,
            "threshold": design.RANGES["final_threshold"],
            "start": design.RANGES["window_start"],
            "end": design.RANGES["window_end"],
        }
        # more trials than are asked: the replay counts epochs, and a stopped trial makes room for another
        budget = {"sampler": sampler, "trials": 150, "search_seed": seed, "startup": STARTUP, "confirm": 0}
        spec = StudySpec(
            train={"lr": design.LR},
            space=ranges,
            search={**budget, "accuracy_floor": FLOOR},
            stopping={"stop_rule": stop_rule},
        )
        self.train_s = train_s  # as it is told to the search: auto's Gaussian process is for long trainings
        self.agenda = Agenda(spec, Search(spec, None), [], [])
        self.stops = Stops(spec)
        self.trials: dict[int, Suggestion] = {}

    def ask(self, number: int) -> dict[str, Any] | None:
        """Its next suggestion, of whatever kind; one that is thought out beside the trials is waited for."""
        while (suggestion := self.agenda.next()) is None:
            if self.agenda.spent:
                return None
            time.sleep(0.001)
        self.trials[number] = suggestion
        return {"pruner": "stds", "lr": design.LR} | suggestion.params

    def report(self, number: int, row: Row) -> bool:
        """What the stops say; reference arms run on."""
        suggestion = self.trials[number]
        if suggestion.kind != "search":
            return False
        return self.stops.reason(suggestion.number, suggestion.config, row) is not None

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """COMPLETE, or PRUNED without values."""
        suggestion = self.trials.pop(number)
        objectives = self.agenda.search.objectives
        values = None if stopped else objectives.values(rows[-1])
        line = {
            "number": suggestion.number,
            "kind": suggestion.kind,
            "name": suggestion.name,
            "state": "PRUNED" if stopped else "COMPLETE",
            "values": values,
            "violations": objectives.violations(rows[-1]) if values else {},
            "metrics": rows[-1],
            "train_wall_s": self.train_s,
        }
        self.stops.end(suggestion.number, rows[-1], feasible=feasible(line))
        self.agenda.end(line)
