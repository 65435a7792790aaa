"""Ways to interpolate between configurations, each ``fit(x, y) -> predict(x)``; judged by ``validate.py``.

x [n, features]; y [n, 60]: accuracy of every epoch, then sparsity, on the scales of ``curves.py``. To add
one: a function here and a row of ``MODELS``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.neighbors import KNeighborsRegressor

from benchmarks.landscape.features import SMOOTH

Predict = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray], Predict]

HALF = -0.22  # accuracy_logit(0.5): below it a network has collapsed
SUBSET = 500  # runs on which a Gaussian process chooses its length scales; then it is given all


def neighbours(x: np.ndarray, y: np.ndarray) -> Predict:
    """Mean of the six nearest in standardised features, weighted by 1 / distance."""
    mean, sd = x[:, SMOOTH].mean(0), x[:, SMOOTH].std(0) + 1e-9
    model = KNeighborsRegressor(min(6, len(x)), weights="distance").fit((x[:, SMOOTH] - mean) / sd, y)
    return lambda q: model.predict((q[:, SMOOTH] - mean) / sd)


def trees(x: np.ndarray, y: np.ndarray) -> Predict:
    """Extremely randomised trees (Geurts et al. 2006), all outputs at once."""
    return _mean(ExtraTreesRegressor(200, min_samples_leaf=2, max_features=0.6, random_state=0).fit(x, y))


def _mean(forest: ExtraTreesRegressor | ExtraTreesClassifier) -> Predict:
    """What its trees say on average, [n, outputs or classes]; to the bit what scikit-learn's own would be.

    For single rows that is thirty times as long at its checks as at its trees.
    """
    grown = [tree.tree_ for tree in forest.estimators_]

    def predict(q: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(q, dtype=np.float32)
        total = 0.0
        for tree in grown:
            total = total + tree.predict(rows)
        answers = np.asarray(total / len(grown))
        return answers.reshape(len(rows), -1)

    return predict


def boosting(x: np.ndarray, y: np.ndarray) -> Predict:
    """Gradient boosting on the first eight principal components of the curves."""
    pca = PCA(min(8, *y.shape)).fit(y)
    parts = pca.transform(y)
    models = [
        HistGradientBoostingRegressor(max_iter=200, learning_rate=0.06, random_state=0).fit(x, part)
        for part in parts.T
    ]
    return lambda q: pca.inverse_transform(np.stack([model.predict(q) for model in models], 1))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matern 5/2 of scaled features: [n, m]."""
    square = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    r = np.sqrt(5 * np.maximum(square, 0.0))
    return (1 + r + r**2 / 3) * np.exp(-r)


def likelihood(theta: np.ndarray, z: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Negative log marginal likelihood of y [n, m] at z [n, d], a column, and its gradient.

    theta [d + 1]: logs of the length scales and of the noise variance (of the signal's). Weak normal priors,
    N(1, 4) on the former and N(-4, 9) on the latter, keep scales of features without effect finite.
    """
    a, noise = z / np.exp(theta[:-1]), np.exp(theta[-1])
    square = np.maximum((a**2).sum(1)[:, None] + (a**2).sum(1) - 2 * a @ a.T, 0.0)
    r = np.sqrt(5 * square)
    decay = np.exp(-r)
    k = (1 + r + r**2 / 3) * decay + noise * np.eye(len(a))
    inverse = np.linalg.inv(k)
    alpha, m = inverse @ y, y.shape[1]
    prior = np.append((theta[:-1] - 1) / 4, (theta[-1] + 4) / 9)
    value = 0.5 * np.sum(y * alpha) + 0.5 * m * np.linalg.slogdet(k)[1]
    value += 0.5 * np.sum((theta[:-1] - 1) ** 2 / 4) + 0.5 * (theta[-1] + 4) ** 2 / 9
    # d value / d k = -outer / 2; d k[p, q] / d log scale_i = 5/3 (1 + r) exp(-r) (a[p, i] - a[q, i])^2
    outer = alpha @ alpha.T - m * inverse
    slope = outer * (5 / 3) * (1 + r) * decay
    by_scale = -(a**2 * slope.sum(1)[:, None]).sum(0) + (a * (slope @ a)).sum(0)
    gradient = np.append(by_scale, -0.5 * noise * np.trace(outer))
    return float(value / m), (gradient + prior) / m


def process(x: np.ndarray, y: np.ndarray) -> Predict:
    """Gaussian process, Matern 5/2, one length scale a feature, shared by all outputs.

    Length scales and noise maximise the marginal likelihood of the standardised outputs' principal
    components (as many as hold 99 % of the variance) on a random subset.
    """
    mean, sd = x[:, SMOOTH].mean(0), x[:, SMOOTH].std(0) + 1e-9
    z = (x[:, SMOOTH] - mean) / sd
    centre, scale = y.mean(0), y.std() + 1e-9
    target = (y - centre) / scale
    rng = np.random.default_rng(0)
    some = rng.permutation(len(z))[:SUBSET]
    parts = PCA(0.99, svd_solver="full").fit_transform(target[some])
    parts /= parts.std(0)

    start = np.append(np.full(len(SMOOTH), 1.0), -4.0)
    bounds = [(-1.5, 5.0)] * len(SMOOTH) + [(-9.0, 1.0)]
    found = minimize(
        likelihood,
        start,
        args=(z[some], parts),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 60},
    )
    best = found.x
    scales, noise = np.exp(best[:-1]), np.exp(best[-1])
    known = z / scales
    weights = np.linalg.solve(_kernel(known, known) + noise * np.eye(len(z)), target)

    def predict(q: np.ndarray) -> np.ndarray:
        near = _kernel((q[:, SMOOTH] - mean) / sd / scales, known)
        return centre + scale * (near @ weights)

    return predict


def apart(fit: Fit) -> Fit:
    """Accuracy and sparsity by a model each: what matters to the one need not matter to the other."""

    def fitted(x: np.ndarray, y: np.ndarray) -> Predict:
        models = [fit(x, part) for part in np.hsplit(y, 2)]
        return lambda q: np.hstack([model(q) for model in models])

    return fitted


def split(x: np.ndarray, y: np.ndarray) -> Predict:
    """Collapse is a cliff: one model for networks that keep half of their accuracy, another for the rest.

    Trees say how likely a collapse is, p; the answer is the mean of both models' with weights 1 - p and p,
    sharpened to p^2 / (p^2 + (1 - p)^2), because half-way between both is where few networks end.
    """
    alive = y[:, y.shape[1] // 2 - 1] > HALF
    if min(alive.sum(), (~alive).sum()) < 10:
        return apart(both)(x, y)
    judge = _mean(ExtraTreesClassifier(300, min_samples_leaf=2, random_state=0).fit(x, ~alive))
    standing, fallen = apart(both)(x[alive], y[alive]), apart(trees)(x[~alive], y[~alive])

    def predict(q: np.ndarray) -> np.ndarray:
        p = judge(q)[:, 1:]
        p = p**2 / (p**2 + (1 - p) ** 2)
        return (1 - p) * standing(q) + p * fallen(q)

    return predict


def both(x: np.ndarray, y: np.ndarray) -> Predict:
    """Mean of Gaussian process and trees: the one is smooth, the other knows cliffs."""
    members = [process(x, y), trees(x, y)]
    return lambda q: np.mean([member(q) for member in members], axis=0)


MODELS: dict[str, Fit] = {
    "nearest neighbours": apart(neighbours),
    "extra trees": apart(trees),
    "boosting": apart(boosting),
    "Gaussian process": apart(process),
    "process and trees": apart(both),
    "collapse apart": split,
}
