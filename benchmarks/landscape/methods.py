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
from benchmarks.landscape.own import FLOOR, OBJECTIVES, STARTUP, Own
from benchmarks.landscape.replay import Row, Search

Make = Callable[[int], Search]  # by the study's seed
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
    "ours: auto, all shapes": lambda seed: Own(seed, "auto", spaces.SHAPES),
    "ours: auto, kumaraswamy": lambda seed: Own(seed, "auto", ["kumaraswamy"]),
    "ours: auto, kumaraswamy, pareto stop": lambda seed: Own(seed, "auto", ["kumaraswamy"], "pareto"),
    "ours: auto, free": lambda seed: Own(seed, "auto", ["free"]),
    # of trainings of a minute, for which auto takes a Gaussian process
    "ours: auto (GP), kumaraswamy": lambda seed: Own(seed, "auto", ["kumaraswamy"], train_s=60),
    "ours: auto (GP), free": lambda seed: Own(seed, "auto", ["free"], train_s=60),
    # without gaps of the front being filled
    "ours: TPE alone, all shapes": lambda seed: Own(seed, "tpe", spaces.SHAPES),
    "ours: TPE alone, kumaraswamy": lambda seed: Own(seed, "tpe", ["kumaraswamy"]),
    "ours: TPE alone, free": lambda seed: Own(seed, "tpe", ["free"]),
}
OURS = [name for name in METHODS if name.startswith("ours")]
