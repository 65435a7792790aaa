"""The compared searches, all with the same epochs to spend, the same slots and the same ranges.

To add one: a row of ``METHODS``. Ray's own classes are used for what is called stock: its OptunaSearch and
its AsyncHyperBandScheduler, asked and told by the replay in place of Tune's controller.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import optuna
from optuna.trial import TrialState

from benchmarks.landscape import design, spaces
from benchmarks.landscape.replay import Row, Search
from study.search import Search as OwnSearch
from study.spec import StudySpec

Make = Callable[[int], Search]  # by the study's seed
OBJECTIVES = ("accuracy_val", "sparsity_params")
FLOOR = 0.5  # validation accuracy below which a trial is infeasible, for the searches that know constraints
STARTUP = 8  # quasi-random trials before ours models anything
LENGTH = design.BASE["epochs"]

optuna.logging.set_verbosity(optuna.logging.ERROR)
logging.getLogger("ray.tune").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class Listed:
    """Configurations that do not depend on what was found."""

    def __init__(self, fields: Iterator[dict[str, Any]]) -> None:
        self.fields = fields

    def ask(self, number: int) -> dict[str, Any] | None:
        """The next one."""
        return next(self.fields)

    def report(self, number: int, row: Row) -> bool:
        """Nothing is stopped."""
        return False

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """Nothing is learned."""


class Optuna:
    """A sampler of Optuna on a space; ``floor``: accuracy as a constraint; ``start``: its first points."""

    def __init__(
        self,
        sampler: optuna.samplers.BaseSampler,
        space: spaces.Space,
        floor: float | None = None,
        start: Iterator[dict[str, Any]] | None = None,
    ) -> None:
        self.space, self.floor = space, floor
        self.study = optuna.create_study(directions=["maximize"] * 2, sampler=sampler)
        self.trials: dict[int, optuna.Trial] = {}

    def ask(self, number: int) -> dict[str, Any] | None:
        """What the sampler suggests."""
        self.trials[number] = self.study.ask()
        return self.space(self.trials[number])

    def report(self, number: int, row: Row) -> bool:
        """Nothing is stopped."""
        return False

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """COMPLETE with the final values."""
        trial = self.trials.pop(number)
        if self.floor is not None:
            trial.set_constraint("accuracy_floor", self.floor - rows[-1]["accuracy_val"])
        self.study.tell(trial, [rows[-1][name] for name in OBJECTIVES], state=TrialState.COMPLETE)


class Stock:
    """Ray Tune's OptunaSearch (its defaults) with its ASHA on accuracy (its defaults, max_t as the epochs).

    What ASHA stops is told as Ray tells it: complete, with the values of the epoch at which it ended.
    """

    def __init__(self, seed: int) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler  # seconds to import: for this one only
        from ray.tune.search.optuna import OptunaSearch

        self.searcher = OptunaSearch(spaces.mixed, metric=list(OBJECTIVES), mode=["max", "max"], seed=seed)
        self.scheduler = AsyncHyperBandScheduler(metric="accuracy_val", mode="max", max_t=LENGTH)

    def ask(self, number: int) -> dict[str, Any] | None:
        """What OptunaSearch suggests."""
        self.scheduler.on_trial_add(None, SimpleNamespace(trial_id=str(number)))
        # the shape's increments are no parameter but made of three: the captured ones are left out
        found = self.searcher.suggest(str(number))
        return {name: value for name, value in found.items() if name not in ("shape_1", "shape_2", "shape_3")}

    def report(self, number: int, row: Row) -> bool:
        """What ASHA says."""
        result = {**row, "training_iteration": row["epoch"]}
        trial = SimpleNamespace(trial_id=str(number))
        return bool(self.scheduler.on_trial_result(None, trial, result) == "STOP")

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """To both."""
        result = {**rows[-1], "training_iteration": rows[-1]["epoch"]}
        self.searcher.on_trial_complete(str(number), result)
        if stopped:
            self.scheduler.on_trial_remove(None, SimpleNamespace(trial_id=str(number)))
        else:
            self.scheduler.on_trial_complete(None, SimpleNamespace(trial_id=str(number)), result)


class Own:
    """``study.search.Search`` as a study uses it: reference arms first, constraint, any sampler and space.

    Its reference arms are asked, trained and paid for like every other trial.
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
        self.search = OwnSearch(spec, None)
        self.numbers: dict[int, int] = {}

    def ask(self, number: int) -> dict[str, Any] | None:
        """Its next suggestion, whatever kind."""
        suggestion = self.search.ask()
        if suggestion is None:
            return None
        self.numbers[number] = suggestion.number
        return {"pruner": "stds", "lr": design.LR} | suggestion.params

    def report(self, number: int, row: Row) -> bool:
        """Nothing is stopped."""
        return False

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        """COMPLETE, or PRUNED without values."""
        values = None if stopped else {name: rows[-1][name] for name in OBJECTIVES}
        self.search.tell(self.numbers.pop(number), "PRUNED" if stopped else "COMPLETE", values)


def _optuna(kind: str, space: spaces.Space, floor: float | None = None) -> Make:
    def make(seed: int) -> Search:
        samplers: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
            "tpe": lambda: optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup),
            "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=20, seed=seed),
            "gp": lambda: optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=startup, warn_independent_sampling=False
            ),
        }
        startup = 10 if floor is None else STARTUP  # 10: Optuna's default
        return Optuna(samplers[kind](), space, floor)

    return make


def _listed(points: Callable[[spaces.Space, int], Iterator[Any]], space: spaces.Space) -> Make:
    return lambda seed: Listed(points(space, seed))


def _grid(*shapes: str) -> Make:
    return lambda seed: Listed(spaces.grid(list(shapes), seed))


METHODS: dict[str, Make] = {
    "random": _listed(spaces.random, spaces.mixed),
    "Sobol": _listed(spaces.sobol, spaces.mixed),
    "grid over D, linear": _grid("linear"),
    "grid over D, sine": _grid("sine"),
    "grid over D, slats": _grid("slats"),
    "grid over D, all three": _grid("linear", "sine", "slats"),
    "NSGA-II": _optuna("nsga2", spaces.mixed),
    "TPE": _optuna("tpe", spaces.mixed),
    "GP": _optuna("gp", spaces.mixed),
    "stock: OptunaSearch with ASHA": Stock,
    "random, kumaraswamy": _listed(spaces.random, spaces.kumaraswamy),
    "random, free": _listed(spaces.random, spaces.free),
    "Sobol, kumaraswamy": _listed(spaces.sobol, spaces.kumaraswamy),
    "TPE with floor": _optuna("tpe", spaces.mixed, FLOOR),
    "TPE with floor, kumaraswamy": _optuna("tpe", spaces.kumaraswamy, FLOOR),
    "TPE with floor, free": _optuna("tpe", spaces.free, FLOOR),
    "GP with floor, kumaraswamy": _optuna("gp", spaces.kumaraswamy, FLOOR),
    "GP with floor, free": _optuna("gp", spaces.free, FLOOR),
    "ours: TPE, all shapes": lambda seed: Own(seed, "tpe", spaces.SHAPES[:-1]),
    "ours: TPE, kumaraswamy": lambda seed: Own(seed, "tpe", ["kumaraswamy"]),
}
OURS = [name for name in METHODS if name.startswith("ours")]
