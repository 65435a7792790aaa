"""The landscape between its recorded points: any configuration's curves, with noise as of a real seed.

``Landscape(runs).run(fields, seed)`` is what ``Training`` would have given: accuracy, sparsity and seconds of
every epoch. The mean comes from a model of ``models.py`` on ``features.py``; the noise is the residual
curve of a real run of a replicated configuration that ends nearby, chosen by a hash of configuration and
seed: the same question has the same answer, and neighbouring epochs stay correlated as they are in truth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.landscape import curves, features, pack
from benchmarks.landscape.models import MODELS

RECORDED = Path(__file__).parents[1] / "results" / "landscape_digits.parquet"
MODEL = "collapse apart"  # the least error on held-out runs near the front: results/landscape_error.md
DONORS = 24  # residual curves that a draw chooses from: those whose runs end most alike
TRUTH_SEEDS = 32  # whose mean is called the true value of a configuration


@dataclass(frozen=True)
class Curves:
    """One simulated training: an entry an epoch."""

    accuracy: np.ndarray  # multiples of 1/269, as a real validation gives
    sparsity: np.ndarray
    wall_s: np.ndarray  # since the start of the training


@dataclass(frozen=True)
class Residuals:
    """How single runs differ from the mean of their configuration, on the scales of ``curves.py``."""

    at: np.ndarray  # [n, 2]: mean final accuracy logit and log of what remains
    accuracy: np.ndarray  # [n, 30]
    sparsity: np.ndarray


def residuals(runs: curves.Runs) -> Residuals:
    """Of every configuration with several seeds; sqrt(m / (m - 1)) undoes the shrinkage by its mean of m."""
    accuracy, sparsity = curves.accuracy_logit(runs.accuracy), curves.remaining_log(runs.sparsity)
    at, of_accuracy, of_sparsity = [], [], []
    for group in np.unique(runs.group):
        mine = np.flatnonzero(runs.group == group)
        if (m := len(mine)) < 2:
            continue
        unshrunk = np.sqrt(m / (m - 1))
        of_accuracy.append((accuracy[mine] - accuracy[mine].mean(0)) * unshrunk)
        of_sparsity.append((sparsity[mine] - sparsity[mine].mean(0)) * unshrunk)
        at.append(np.tile([accuracy[mine, -1].mean(), sparsity[mine, -1].mean()], (m, 1)))
    return Residuals(np.concatenate(at), np.concatenate(of_accuracy), np.concatenate(of_sparsity))


class Landscape:
    """Interpolates recorded runs. Pure: equal questions have equal answers."""

    def __init__(self, runs: curves.Runs, model: str = MODEL) -> None:
        x = features.matrix(runs.fields)
        self._predict = MODELS[model](x, curves.joined(runs.accuracy, runs.sparsity))
        self._residuals = residuals(runs)
        self._walls = runs.wall_s
        # draws depend on the configuration's text alone, so its mean is worked out once
        self._mean_of = lru_cache(maxsize=4096)(self._mean_of_text)
        self._truth_of = lru_cache(maxsize=65536)(self._truth_of_text)

    def means(self, configurations: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Accuracy and sparsity [n, 30] without noise (medians over seeds rather than means)."""
        x = features.matrix(configurations)
        accuracy, sparsity = np.hsplit(self._predict(x), 2)
        return curves.accuracy_of(accuracy), curves.sparsity_of(sparsity)

    def run(self, fields: Mapping[str, Any], seed: int) -> Curves:
        """One training of the configuration with this seed."""
        text = canonical(fields)
        rng = _generator(text, seed)
        accuracy, sparsity = (curve[0] for curve in self._noisy(text, rng, 1))
        if len(self._walls):
            wall_s = self._walls[rng.integers(len(self._walls))]
        else:  # recorded without times
            wall_s = np.arange(1, pack.EPOCHS + 1) * 0.17
        return Curves(accuracy, sparsity, wall_s)

    def truth(self, fields: Mapping[str, Any]) -> np.ndarray:
        """Expected accuracy and sparsity of every epoch, [30, 2]: the mean over 32 seeds of their own."""
        return self._truth_of(canonical(fields))

    def _truth_of_text(self, text: str) -> np.ndarray:
        draws = self._noisy(text, _generator(text, -1), TRUTH_SEEDS)
        return np.stack([curve.mean(0) for curve in draws], axis=1)

    def _mean_of_text(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = features.describe(json.loads(text))[None]
        accuracy, sparsity = np.hsplit(self._predict(x)[0], 2)
        end = np.array([accuracy[-1], sparsity[-1]])
        distance = (((self._residuals.at - end) / self._residuals.at.std(0)) ** 2).sum(1)
        return accuracy, sparsity, np.argsort(distance, kind="stable")[:DONORS]

    def _noisy(self, text: str, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Accuracy and sparsity of ``n`` seeds, [n, 30] each."""
        accuracy, sparsity, donors = self._mean_of(text)
        donor = donors[rng.integers(len(donors), size=n)]
        sign = rng.choice([-1.0, 1.0], size=(n, 1))
        hits = curves.SAMPLES * curves.accuracy_of(accuracy + sign * self._residuals.accuracy[donor])
        noisy = curves.sparsity_of(sparsity + sign * self._residuals.sparsity[donor])
        return np.round(hits) / curves.SAMPLES, noisy


def load(path: Path = RECORDED, model: str = MODEL) -> Landscape:
    """The recorded landscape of digits."""
    return Landscape(curves.from_parquet(path), model)


def canonical(fields: Mapping[str, Any]) -> str:
    """The configuration as text, without what is the same for all, so that equal ones read equal."""
    kept = {name: fields[name] for name in curves.FIELDS if fields.get(name) is not None}
    if kept.pop("pruner", "stds") == "dense":
        kept = {"pruner": "dense", "lr": kept["lr"]}
    return json.dumps({k: list(v) if np.ndim(v) else v for k, v in kept.items()}, sort_keys=True)


def _generator(text: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))
