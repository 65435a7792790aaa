"""The constants of one layer of neurons, and how to read them off a SpikingJelly node."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from spikingjelly.activation_based import neuron, surrogate

from trainables.neurons.surrogates import SLOPES, slope

ATAN = SLOPES[surrogate.ATan].code
ATAN_CONSTANTS = (1.0, math.pi, 0.0)  # alpha = 2, SpikingJelly's default


@dataclass(frozen=True)
class Kind:
    """What a kernel is compiled for. IF: not leaky. Parametric LIF: ``learned``, 1/tau = sigmoid(w).

    ``exact``: tau is a power of two, so 1/tau has no rounding and a product the bits of the quotient
    (the backward kernel of 65,536 float32 elements in the cache: 16 us instead of 24).
    """

    leaky: bool = True
    decay_input: bool = True
    learned: bool = False
    exact: bool = True
    hard: bool = True
    detach: bool = True
    slope: str = ATAN

    def macros(self, bf16: bool) -> str:
        """The kind as the first lines of ``kernels.c``."""
        flags = {
            "LEAKY": self.leaky,
            "DECAY_INPUT": self.decay_input,
            "LEARNED": self.learned,
            "MULTIPLY": self.learned or self.exact,
            "HARD": self.hard,
            "DETACH": self.detach,
            "BF16": bf16,
        }
        lines = [f"#define {name} {int(value)}" for name, value in flags.items()]
        return "\n".join([*lines, f"#define SLOPE ({self.slope})", ""])


@dataclass(frozen=True)
class Dynamics:
    """Kind and numbers of one layer; ``rest`` is also the hard reset's target; (p, q, r) are the slope's.

    ``tau`` is 1/tau where the kind is exact, and idle where the leak is learned.
    """

    kind: Kind = Kind()
    tau: float = 0.5
    threshold: float = 1.0
    rest: float = 0.0
    constants: tuple[float, float, float] = ATAN_CONSTANTS


def dynamics(node: Any) -> Dynamics | str:
    """The node's constants, or why it can't be fused."""
    kind = type(node)
    if kind not in (neuron.IFNode, neuron.LIFNode, neuron.ParametricLIFNode):
        return f"{kind.__name__} is not exactly an IFNode, LIFNode or ParametricLIFNode"
    if node.step_mode != "m" or node.store_v_seq:
        return "needs step_mode 'm' and store_v_seq False"
    if node._neuron_precision is not None:
        return "has a precision of its own"
    found = slope(node.surrogate_function)
    if isinstance(found, str):
        return found
    code, constants = found
    leaky, learned = kind is not neuron.IFNode, kind is neuron.ParametricLIFNode
    tau = float(node.tau) if leaky and not learned else 1.0
    exact = math.frexp(tau)[0] == 0.5
    return Dynamics(
        Kind(
            leaky=leaky,
            decay_input=leaky and bool(node.decay_input),
            learned=learned,
            exact=exact,
            hard=node.v_reset is not None,
            detach=bool(node.detach_reset),
            slope=code,
        ),
        tau=1 / tau if exact else tau,
        threshold=float(node.v_threshold),
        rest=0.0 if node.v_reset is None else float(node.v_reset),
        constants=constants,
    )


def settings(node: Any) -> tuple[Any, ...]:
    """What :func:`dynamics` reads and a program may change between two calls: a key, cheap to compare."""
    own = node.__dict__
    function = node._modules["surrogate_function"].__dict__
    return (
        own.get("tau"), own.get("decay_input"), own["v_threshold"], own["v_reset"], own["detach_reset"],
        own["_step_mode"], own["_store_v_seq"], own["_neuron_precision"], function["spiking"],
        *(function.get(name) for name in function["_sg_param_names"]),
    )  # fmt: skip
