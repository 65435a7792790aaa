"""T steps of a layer of neurons as one differentiable operation.

Membrane equations, hard reset to ``rest`` or soft reset by the threshold, for t = 1 .. T; v[0] given:

    charge    h[t] = v[t-1] + x[t]                                   IF
              h[t] = v[t-1] + (x[t] - (v[t-1] - rest)) / tau         LIF, input decays
              h[t] = v[t-1] - (v[t-1] - rest) / tau + x[t]           LIF, input kept
    fire      s[t] = 1 if h[t] >= threshold else 0
    reset     v[t] = rest if s[t] else h[t]   (hard)      v[t] = h[t] - s[t] threshold   (soft)

Backward with a surrogate slope ds/dh (Fang et al. ICCV 2021 for ATan; table in ``surrogates.py``):

    dL/dh[t] = dL/ds[t] ds/dh + dL/dv[t] dv/dh,   dv/dh = 1 - s (hard) or 1 (soft), and unless the reset is
    detached   + (rest - h) ds/dh (hard)   or   - threshold ds/dh (soft)

Parametric LIF (Fang et al. ICCV 2021): 1/tau = a = sigmoid(w), one w a layer, da/dw = a (1 - a), hence

    dL/dw = (1 - a) sum dL/dh[t] (h[t] - v[t-1])         input decays
    dL/dw = a (1 - a) sum dL/dh[t] (rest - v[t-1])       input kept

Only h is kept for backward. The membrane computes in float32. With bfloat16 currents, spikes, h kept and
gradients are bfloat16, the potential carried from sequence to sequence float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainables.neurons.compiled import Kernels
from trainables.neurons.dynamics import Dynamics


def same_layout(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one shape put their elements at the same offsets."""
    strides = a.stride(), b.stride()
    return strides[0] == strides[1] or all(
        size < 2 or i == j for size, i, j in zip(a.shape, *strides, strict=True)
    )


def in_layout(tensor: Tensor, template: Tensor) -> Tensor:
    """``tensor`` in dtype and layout of ``template``: itself where it has them, else a copy."""
    if tensor.dtype == template.dtype and same_layout(tensor, template):
        return tensor
    return torch.empty_strided(
        template.shape, template.stride(), dtype=template.dtype, device=template.device
    ).copy_(tensor)


def shared_current(x: Tensor) -> Tensor | None:
    """The one slab [*] behind a constant current x [T, *] made by ``expand``, where it may stand for x.

    The kernel then adds up the gradient over T itself, and none of the T slabs is written and read again.
    """
    if x.stride(0) or len(x) < 2:
        return None
    step, base = x.grad_fn, x._base
    if base is None or type(step).__name__ != "ExpandBackward0" or x.retains_grad or x._backward_hooks:
        return None
    whole = base.shape == x.shape[1:] and base.stride() == x.stride()[1:]
    return base if whole and base.data_ptr() == x.data_ptr() else None


def _pointer(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


class _MultiStep(torch.autograd.Function):
    """x: [T, *], or one slab [*] that stands for ``steps`` equal ones. v0: [*] or a number everywhere."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v0: Tensor | float, w: Tensor | None, k: Dynamics, run: Kernels, steps: int
    ) -> tuple[Tensor, Tensor]:
        reduce = bool(steps)
        x_stride, first = (0, x) if reduce else (x.stride(0), x[0])
        v = torch.empty_like(first, dtype=torch.float32)  # has the strides of a current that is dense
        steps, n = steps or len(x), v.numel()
        # T slabs in the layout of the current: channels_last stays so
        spikes = torch.empty_strided((steps, *v.shape), (n, *v.stride()), dtype=x.dtype, device=x.device)
        if not same_layout(v, first):
            x, x_stride = torch.empty_like(spikes).copy_(x), n
        charged = torch.empty_like(spikes) if any(ctx.needs_input_grad) else None
        start, v_start = (in_layout(v0, v), 0.0) if isinstance(v0, Tensor) else (None, v0)
        inverse_tau = None if w is None else w.detach().float().sigmoid()
        numbers = steps, n, k.tau, _pointer(inverse_tau), k.threshold, k.rest
        arrays = spikes.data_ptr(), _pointer(charged), v.data_ptr()
        run.forward(n, (x.data_ptr(), x_stride, _pointer(start), v_start, *arrays, *numbers))
        ctx.set_materialize_grads(False)
        # inverse_tau is kept for its memory as well: ``numbers`` points to it
        ctx.save_for_backward(charged, start if k.kind.learned else None, inverse_tau)
        ctx.rest = k, run, reduce, v_start, numbers
        return spikes, v

    @staticmethod
    def backward(ctx: Any, grad_s: Tensor | None, grad_v: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # once_differentiable says the same at 20 us a call
            raise RuntimeError("fused neurons have no second derivative: trainables.neurons.unfuse the model")
        charged, start, inverse_tau = ctx.saved_tensors
        k, run, reduce, v_start, numbers = ctx.rest
        grad_s = torch.zeros_like(charged) if grad_s is None else in_layout(grad_s, charged)
        n, slabs = numbers[1], reduce or grad_v is not None or ctx.needs_input_grad[1]
        first = charged[0] if slabs else charged
        if grad_v is not None:
            grad_v = in_layout(grad_v, torch.empty_like(first, dtype=torch.float32))
        grad_x = torch.empty_like(first if reduce else charged)
        grad_v0 = torch.empty_like(first, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        grad_w = inverse_tau.new_empty(-(-n // run.group)) if ctx.needs_input_grad[2] else None
        before = grad_s.data_ptr(), _pointer(grad_v), charged.data_ptr(), _pointer(start), v_start
        after = grad_x.data_ptr(), reduce, _pointer(grad_v0), _pointer(grad_w)
        run.backward(n, (*before, *after, *numbers, *k.constants))
        if grad_w is not None:
            factor = 1 - inverse_tau if k.kind.decay_input else inverse_tau * (1 - inverse_tau)
            grad_w = (grad_w.sum(dtype=torch.float64) * factor).to(inverse_tau.dtype)
        return grad_x, grad_v0, grad_w, None, None, None


def multi_step(
    x: Tensor, v0: Tensor | float, w: Tensor | None, k: Dynamics, run: Kernels
) -> tuple[Tensor, Tensor]:
    """Spikes [T, *] in the dtype of the currents x [T, *], and the last potential [*] in float32.

    Differentiable (once) in x, in the first potential v0 (a tensor [*] or one number), and in w, the
    parameter of a learned leak (else None). float32 or bfloat16, any dense layout, constant currents.
    """
    shared = shared_current(x)
    if shared is not None:
        return _MultiStep.apply(shared, v0, w, k, run, len(x))  # type: ignore[no-any-return]
    return _MultiStep.apply(x, v0, w, k, run, 0)  # type: ignore[no-any-return]
