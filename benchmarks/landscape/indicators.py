"""What a study has reached after each of its trials, and how two sets of studies differ. Pure.

Points are (accuracy, sparsity), both maximised; the reference point is chance accuracy and no sparsity,
fixed before anything was compared.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata, wilcoxon

from analysis.pareto import attainment, hypervolume, non_dominated

REFERENCE = (0.1, 0.0)
BOTH = (True, True)
SHARES = (0.25, 0.5, 0.75)  # of the studies: the easiest surface last


def volumes(observed: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hypervolume after each of n trials, [n] twice: as observed, and what it is worth.

    The worth: the front is chosen by the observed values [n, 2], as its user would, and measured by the true
    ones. A lucky trial raises the first and not the second.
    """
    seen, worth = np.zeros(len(observed)), np.zeros(len(observed))
    front = np.empty(0, dtype=int)
    for i in range(len(observed)):
        front = np.append(front, i)
        front = front[non_dominated(observed[front], BOTH)]
        if i and front[-1] != i:  # not on the front: nothing changed
            seen[i], worth[i] = seen[i - 1], worth[i - 1]
            continue
        seen[i] = hypervolume(observed[front], REFERENCE, BOTH)
        worth[i] = hypervolume(true[front], REFERENCE, BOTH)
    return seen, worth


def front_of(observed: np.ndarray, true: np.ndarray) -> np.ndarray:
    """True values of the points that the observed values put on the front, [m, 2]."""
    return np.asarray(true[non_dominated(observed, BOTH)])


def surfaces(fronts: list[np.ndarray], sparsities: np.ndarray) -> dict[float, np.ndarray]:
    """Attainment surfaces read at given sparsities: the accuracy that 25, 50 and 75 % of the studies reach.

    Chance where fewer studies than that have a network so sparse.
    """
    found = {}
    for share in SHARES:
        corners = attainment(fronts, share, BOTH)
        reaches = corners[:, 1] >= sparsities[:, None]
        best = np.where(reaches, corners[:, 0], REFERENCE[0])
        found[share] = np.max(best, axis=1, initial=REFERENCE[0])
    return found


def a12(a: np.ndarray, b: np.ndarray) -> float:
    """P(a > b) + P(a = b) / 2 for independent draws of both (Vargha and Delaney 2000); 0.5: no difference."""
    ranks = rankdata(np.concatenate([a, b]))[: len(a)]
    return float((ranks.sum() / len(a) - (len(a) + 1) / 2) / len(b))


def paired(a: np.ndarray, b: np.ndarray) -> float:
    """p of Wilcoxon's signed-rank test, two-sided; 1 where no pair differs."""
    return 1.0 if np.all(a == b) else float(wilcoxon(a, b).pvalue)


def holm(p: list[float]) -> list[float]:
    """Adjusted p values (Holm 1979): family-wise error whatever the dependence."""
    order = np.argsort(p)
    steps = np.maximum.accumulate((len(p) - np.arange(len(p))) * np.array(p)[order])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]
