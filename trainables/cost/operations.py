"""Synaptic operations of a pruned network and their energy: zero inputs and zero weights cost nothing.

An event (a nonzero input of a layer, at one step) causes one operation at every nonzero weight that it
meets: sum over all outputs of conv(1[x != 0], 1[w != 0]). The sum is linear in the events, so these are first
added up over steps and samples, the indicator weights over outputs, and one convolution with one output
channel per group and epoch gives the exact total.

SpikingJelly's SynOpCounter replaces the weights by ones, norse's counter multiplies by the layer width: both
count a pruned network as if it were dense.

Accumulate or multiply: a layer whose inputs are all 0 or 1 accumulates (AC), any other one multiplies (MAC).
That is the field's convention, and SpikingJelly's: images, average-pooled spikes and the integers behind a
residual addition (SEW ADD) are MACs.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

# Energy of one float32 operation at 45 nm and 0.9 V: multiply 3.7 pJ, add 0.9 pJ (Horowitz, "Computing's
# energy problem", ISSCC 2014, figure 1.1.9).
PJ_MAC = 4.6
PJ_AC = 0.9


def operations(layer: Any, counts: Tensor, leaving: Tensor) -> Tensor:
    """Operations of one layer, float64 scalar.

    ``counts``: events at each input, float64 [C, H, W] or [inputs]; ``leaving``: :func:`connections.fan`.
    """
    if isinstance(layer, nn.Linear):
        return F.linear(counts, leaving).sum()
    total: Tensor = layer._conv_forward(counts[None], leaving, None).sum()
    return total


def energy_nj(macs: float, acs: float) -> float:
    """4.6 pJ per MAC and 0.9 pJ per AC, in nJ: arithmetic alone, no memory access, no sparse indices.

    Papers take the dense operations of the first layer; here its zero weights are free like all others.
    """
    return (PJ_MAC * macs + PJ_AC * acs) * 1e-3
