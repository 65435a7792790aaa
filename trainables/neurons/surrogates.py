"""Surrogate gradients as C expressions: what stands for ds/dh in the backward kernels.

A row gives the expression in u = h - threshold, compiled into the kernels as a macro, and the constants
p, q, r it uses, from the attributes of SpikingJelly's surrogate object (whose classes carry formulas and
papers). Python computes the constants in double precision and the kernels round them once, as torch does.
To add one: write one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from spikingjelly.activation_based import surrogate as sj
from torch import Tensor


class Slope(NamedTuple):
    """ds/dh in C, and the constants p, q, r of one surrogate object (fewer where it needs fewer)."""

    code: str
    constants: Callable[[Any], tuple[float, ...]]


SLOPES: dict[type[Any], Slope] = {
    sj.ATan: Slope("p / (1.0f + q * u * (q * u))", lambda s: (s.alpha / 2, math.pi * s.alpha / 2)),
    sj.DeterministicPass: Slope("1.0f", lambda s: ()),
    sj.Erf: Slope("exponential(-(u * p) * (u * p)) * q", lambda s: (s.alpha, s.alpha / math.sqrt(math.pi))),
    sj.FakeNumericalGradient: Slope("fminf((u >= 0.0f ? 1.0f : -1.0f) / u, p)", lambda s: (s.alpha,)),
    sj.LeakyKReLU: Slope("u >= 0.0f ? p : q", lambda s: (s.k, s.leak)),
    sj.LogTailedReLU: Slope("u > 1.0f ? 1.0f / u : u <= 0.0f ? p : 1.0f", lambda s: (s.alpha,)),
    sj.NonzeroSignLogAbs: Slope("1.0f / (p + fabsf(u))", lambda s: (1 / s.alpha,)),
    sj.PiecewiseExp: Slope("p * exponential(q * fabsf(u))", lambda s: (s.alpha / 2, -s.alpha)),
    sj.PiecewiseLeakyReLU: Slope("fabsf(u) < p ? q : r", lambda s: (s.w, 1 / (2 * s.w), s.c)),
    sj.PiecewiseQuadratic: Slope(
        "fabsf(u) > p ? 0.0f : q * fabsf(u) + r", lambda s: (1 / s.alpha, -(s.alpha**2), s.alpha)
    ),
    sj.QPseudoSpike: Slope("powf(1.0f + p * fabsf(u), q)", lambda s: (2 / (s.alpha - 1), -s.alpha)),
    sj.Rect: Slope("fabsf(u) < p ? q : 0.0f", lambda s: (0.5 / s.alpha, s.alpha)),
    sj.S2NN: Slope(
        "u < 0.0f ? p * sigmoid(p * u) * (1.0f - sigmoid(p * u)) : q / (u + 1.0f)",
        lambda s: (s.alpha, s.beta),
    ),
    sj.Sigmoid: Slope("(1.0f - sigmoid(u * p)) * sigmoid(u * p) * p", lambda s: (s.alpha,)),
    sj.SoftSign: Slope(
        "1.0f / (p * ((q + fabsf(u)) * (q + fabsf(u))))", lambda s: (2 * s.alpha, 1 / s.alpha)
    ),
    sj.SquarewaveFourierSeries: Slope(
        "cosines(p * u, q) * r", lambda s: (2 * math.pi / s.T_period, s.n, 4 / s.T_period)
    ),
    sj.SuperSpike: Slope("p / ((fabsf(u) + 1.0f) * (fabsf(u) + 1.0f))", lambda s: (s.alpha,)),
}
NO_KERNEL = {
    sj.MultiLevelSpikeCount: "its spikes are counts, not 0 or 1",
    sj.PoissonPass: "its spikes are random",
}


def slope(function: Any) -> tuple[str, tuple[float, float, float]] | str:
    """C code and constants of a surrogate object, or why it has none."""
    kind = type(function)
    row = SLOPES.get(kind)
    if row is None:
        return f"surrogate {kind.__name__} has no kernel: {NO_KERNEL.get(kind, 'not one that is known')}"
    if not function.spiking:
        return f"surrogate {kind.__name__} is set to put out its primitive instead of spikes"
    if any(isinstance(value, Tensor) for value in function._sg_params.values()):
        return f"surrogate {kind.__name__} has a tensor for a parameter"
    try:
        constants = [float(number) for number in row.constants(function)]
    except ArithmeticError as error:
        return f"surrogate {kind.__name__}: {error}"
    p, q, r = (*constants, 0.0, 0.0, 0.0)[:3]
    return row.code, (p, q, r)
