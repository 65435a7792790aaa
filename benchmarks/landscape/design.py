"""Which trainings are recorded: a quasi-random sample of the space, reference arms, a grid over D.

The space is what a study on digits searches: shape, D / sum(lr), window and learning rate. One scrambled
Sobol sequence samples it, so every prefix fills it and the recording can be stopped at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import qmc

Fields = dict[str, Any]  # of TrainConfig

BASE: Fields = {
    "dataset": "digits",
    "network": "digits_net",
    "epochs": 30,
    "batch_size": 64,
    "timesteps": 4,
    "lr_schedule": "cosine",
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
    "pruner": "stds",
}
LR = 0.01  # the default, which half of the sample keeps, as most studies do
# Sixteenths of the sample, because Sobol points are balanced over dyadic intervals. A family gets more than
# a shape without parameters: it has more to vary.
SHARES = {
    "linear": 1,
    "sine": 1,
    "cosine": 1,
    "slats": 1,
    "cubic": 1,
    "exponential": 2,
    "kumaraswamy": 4,
    "free": 5,
}
RANGES = {
    "final_threshold": (0.05, 0.7),
    "window_start": (0.0, 0.3),
    "window_end": (0.5, 1.0),
    "lr": (0.003, 0.03),
    "shape_rate": (-6.0, 6.0),
    "shape_a": (0.5, 4.0),
    "shape_b": (0.5, 4.0),
}
LOG = ("final_threshold", "lr", "shape_a", "shape_b")
SOBOL_SEED = 20260  # of the scrambling
POINTS_LOG2 = 11  # as long as the sequence gets
REPLICATED = 8  # one configuration in eight is trained with three seeds
REFERENCES = ("linear", "sine", "slats")
REFERENCE_THRESHOLDS = (0.1, 0.2, 0.3, 0.45)
GRID = tuple(float(d) for d in np.round(np.geomspace(*RANGES["final_threshold"], 10), 4))


def simplex(v: np.ndarray) -> np.ndarray:
    """k - 1 numbers of [0, 1) -> k that sum to 1, uniform on the simplex if the numbers are uniform.

    Stick breaking: piece j is the share 1 - (1 - v_j)^(1 / (k - j)) of what is left.
    """
    k, left, pieces = len(v) + 1, 1.0, []
    for j, part in enumerate(v, 1):
        pieces.append(left * (1 - (1 - part) ** (1 / (k - j))))
        left -= pieces[-1]
    return np.array([*pieces, left])


def _between(name: str, v: float) -> float:
    low, high = RANGES[name]
    value = low * (high / low) ** v if name in LOG else low + (high - low) * v
    return float(f"{value:.5g}")


def point(v: np.ndarray) -> Fields:
    """Eight numbers of [0, 1) -> a configuration: what differs from ``BASE``, without the seed."""
    shapes = np.repeat(list(SHARES), list(SHARES.values()))
    shape = str(shapes[int(v[0] * len(shapes))])
    fields: Fields = {
        "scheduler": shape,
        "final_threshold": _between("final_threshold", v[1]),
        "window_start": _between("window_start", v[2]),
        "window_end": _between("window_end", v[3]),
        "lr": LR if v[4] < 0.5 else _between("lr", 2 * v[4] - 1),
    }
    if shape == "exponential":
        fields["shape_rate"] = _between("shape_rate", v[5])
    elif shape == "kumaraswamy":
        fields |= {"shape_a": _between("shape_a", v[5]), "shape_b": _between("shape_b", v[6])}
    elif shape == "free":
        fields["shape_increments"] = [round(float(s), 5) for s in simplex(v[5:8])]
    return fields


def sample(n: int) -> list[Fields]:
    """The first ``n`` configurations of the sequence."""
    if not 1 <= n <= 2**POINTS_LOG2:
        raise ValueError(f"configurations: got {n}, must lie in 1 .. {2**POINTS_LOG2}")
    sequence = qmc.Sobol(8, scramble=True, rng=SOBOL_SEED).random_base2(POINTS_LOG2)
    return [point(v) for v in sequence[:n]]


def replicated(n: int) -> set[int]:
    """Numbers of the configurations with three seeds: one of every eight, which one is drawn.

    Not every 8th: points of a Sobol sequence at that distance share the first bits of each coordinate.
    """
    rng = np.random.default_rng(SOBOL_SEED)
    blocks = np.arange(0, 2**POINTS_LOG2, REPLICATED)
    return {int(number) for number in blocks + rng.integers(REPLICATED, size=len(blocks)) if number < n}


def jobs(n: int) -> Iterator[dict[str, Any]]:
    """Every run, most wanted first: ``kind``, number of its configuration, whole ``config``.

    Configurations of the sample have seeds of their own (number, and number + 10,000 and + 20,000 where
    there are three): a seed shared by all of them would put its own luck into the whole landscape.
    """

    def job(kind: str, number: int, fields: Fields, seed: int) -> dict[str, Any]:
        return {"kind": kind, "number": number, "config": {**BASE, **fields, "seed": seed}}

    full = {"window_start": 0.0, "window_end": 1.0, "lr": LR}
    named = [
        {"scheduler": shape, "final_threshold": d, **full}
        for shape in REFERENCES
        for d in REFERENCE_THRESHOLDS
    ]
    references = [{"pruner": "dense", "lr": LR}, *named]
    grid = [{"scheduler": shape, "final_threshold": d, **full} for shape in REFERENCES for d in GRID]
    for number, fields in enumerate(references):
        for seed in range(5):
            yield job("reference", number, fields, seed)
    for number, fields in enumerate(grid):
        yield job("grid", number, fields, 0)
    thrice = replicated(n)
    for number, fields in enumerate(sample(n)):
        for replicate in range(3 if number in thrice else 1):
            yield job("sample", number, fields, number + 10_000 * replicate)
