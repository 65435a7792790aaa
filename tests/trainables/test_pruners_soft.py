"""Soft thresholds: against the definition, finite differences, dual averaging; and their weighting."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn
from torch.nn import functional as F

from tests.trainables.pruning import (
    CLASSES,
    DEFAULTS,
    Run,
    at,
    one_thread,  # noqa: F401
    single,
    weight_of,
)
from trainables.pruners import attach, bake
from trainables.pruners.learned import S_INIT
from trainables.pruners.soft import layer_weights

SOFT = ["stds", "st", "nspdi"]


def soft_threshold(theta: Tensor, d: float | Tensor) -> Tensor:
    """The definition, written out."""
    return theta.sign() * torch.maximum(theta.abs() - d, torch.zeros((), dtype=theta.dtype))


@pytest.fixture(params=[(5, 7), (4, 3, 3, 3)], ids=["linear", "conv2d"])
def layer(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    shape = request.param
    return nn.Linear(7, 5) if len(shape) == 2 else nn.Conv2d(3, 4, 3)


@pytest.mark.parametrize("name", [*SOFT, "str", "grad_r"])
def test_threshold_zero_is_the_dense_layer(name: str, layer: Any) -> None:
    theta = layer.weight.detach().clone()
    single(layer, name)
    assert torch.allclose(layer.weight, theta, atol=5e-5 if name == "str" else 0, rtol=0)


@pytest.mark.parametrize("name", SOFT)
def test_map_is_the_soft_threshold(name: str, layer: Any) -> None:
    theta = layer.weight.detach().clone()
    pruner = single(layer, name, pruner_strength=0.0)  # nspdi: gain 1 and d2 = 0 make it STDS
    pruner.start(at(threshold=0.12))
    assert torch.equal(layer.weight, soft_threshold(theta, torch.tensor(0.12)))
    assert 0 < (layer.weight == 0).float().mean() < 1
    assert pruner.threshold == pytest.approx(0.12)
    pruner.after_step(at(threshold=0.05))
    assert torch.equal(layer.weight, soft_threshold(theta, torch.tensor(0.05)))


@pytest.mark.parametrize("name", ["stds", "grad_r", "rigl"])
def test_gradient_passes_straight_through(name: str) -> None:
    """dL/dtheta = dL/dw for grown, pruned, negative and zero spines alike."""
    layer = nn.Linear(5, 1, bias=False)
    layer.weight.data = torch.tensor([[0.5, 0.1, 0.0, -0.1, -0.5]])
    theta = layer.weight
    pruner = single(layer, name)
    if name == "rigl":
        pruner.maps[0].mask[0, 1:4] = False
    elif name == "grad_r":
        pruner.maps[0].negative[0, :4] = torch.tensor([False, True, True, False])
    pruner.start(at(threshold=0.2)) if name == "stds" else None
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    layer(x).sum().backward()
    assert torch.equal(theta.grad, x)
    kept = 0.3 if name == "stds" else 0.5
    assert layer.weight.tolist() == [[pytest.approx(kept), 0, 0, 0, pytest.approx(-kept)]]


def test_stds_filopodium_grows_back_with_the_other_sign() -> None:
    """theta 0.1 under d 0.25 is pruned; gradient 1 at lr 0.1 moves it by -0.1 a step: back at -0.3, w < 0."""
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.1)
    single(layer, "stds").start(at(threshold=0.25))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    weights = []
    for _ in range(5):
        weights.append(float(layer.weight.detach()))
        optimizer.zero_grad()
        layer(torch.ones(1, 1)).sum().backward()
        optimizer.step()
    assert weights == pytest.approx([0, 0, 0, 0, -0.05], abs=1e-6)


def test_stds_under_sgd_is_dual_averaging() -> None:
    """w[n] = S(theta[0] - sum lr dL/dw, d[n]) in a spiking network: the sum is kept beside the optimiser."""
    run = Run("stds", steps=40, optimizer="sgd", final_threshold=0.2, window_end=1.0)
    run.model.double()
    run.x = run.x.double()
    summed = [spines.theta.detach().clone() for spines in run.pruner.layers]
    plain = bake(Run("dense").model).double()
    names = [f"{spines.name}.weight" for spines in run.pruner.layers]

    def loss_at(weights: list[Tensor]) -> Tensor:
        """The network's loss with these weights in place of the mapped ones: no pruner involved."""
        others = {key: value for key, value in run.model.named_parameters() if "parametrizations" not in key}
        functional.reset_net(plain)
        values = {**others, **dict(zip(names, weights, strict=True))}
        rates = torch.func.functional_call(plain, values, (run.x,)).mean(0)
        return F.mse_loss(rates, F.one_hot(run.y, CLASSES).double())

    for step in range(1, 41):
        d = run.moment(step - 1).threshold
        reference = [soft_threshold(theta, d).requires_grad_() for theta in summed]
        for weight, expected in zip(run.weights(), reference, strict=True):
            assert torch.allclose(weight, expected, atol=1e-12)
        gradients = torch.autograd.grad(loss_at(reference), reference)
        summed = [theta - 0.1 * gradient for theta, gradient in zip(summed, gradients, strict=True)]
        run.step()
    assert 0.2 < float(torch.cat([weight.flatten() == 0 for weight in run.weights()]).double().mean()) < 1


@pytest.mark.parametrize("name", ["st", "str"])
def test_masked_gradient_is_the_derivative_of_the_map(name: str) -> None:
    """Finite differences of theta, and of the learned threshold s, away from the kink."""
    torch.manual_seed(1)
    layer = nn.Linear(6, 4, bias=False).double()
    layer.weight.data = torch.randn(4, 6, dtype=torch.float64)
    pruner = single(layer, name)
    if name == "st":
        pruner.start(at(threshold=0.6))
    map_ = pruner.maps[0]
    theta = pruner.layers[0].theta.detach().requires_grad_()
    assert ((theta.abs() - 0.6).abs() > 1e-3).all()

    def weight(theta: Tensor, s: Tensor) -> Tensor:
        if name == "st":
            return map_(theta)  # type: ignore[no-any-return]
        return torch.func.functional_call(map_, {"s": s}, (theta,))  # type: ignore[no-any-return]

    s = torch.tensor(math.log(0.6 / 0.4), dtype=torch.float64, requires_grad=True)  # sigmoid(s) = 0.6
    assert torch.autograd.gradcheck(weight, (theta, s))
    pruned = weight(theta, s) == 0
    (gradient,) = torch.autograd.grad(weight(theta, s).sum(), theta)
    assert 0 < pruned.double().mean() < 1
    assert torch.equal(gradient, (~pruned).double())


def test_str_decay_moves_s_towards_zero() -> None:
    """s (1 - lr lambda): -10 at lr 0.1 and lambda 2 becomes -8; its mean threshold is reported."""
    layer = nn.Linear(2, 2)
    pruner = single(layer, "str", pruner_strength=2.0)
    pruner.after_step(at(lr=0.1))
    assert pruner.maps[0].s.item() == pytest.approx(S_INIT * 0.8)
    assert pruner.threshold == pytest.approx(1 / (1 + math.exp(8)))


def test_nspdi_gain_and_second_threshold_by_hand() -> None:
    """d 0.2, d2 0.5 * 0.2; channel 1 has gain 2. |theta| 0.25 is u 0.05 (dropped) and 0.1 (dropped: not >),
    0.3 is 0.1 and 0.2."""
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data = torch.tensor([[0.25, -0.3, 0.5], [0.25, -0.3, 0.5]])
    pruner = single(layer, "nspdi", pruner_strength=0.5)
    pruner.start(at(threshold=0.2))
    with torch.no_grad():
        pruner.maps[0].log_gain[1] = math.log(2)
    expected = torch.tensor([[0.0, -0.1, 0.3], [0.0, -0.2, 0.6]])
    expected[0, 1] = layer.weight[0, 1]  # 0.1 against 0.1 is decided by rounding
    assert torch.allclose(layer.weight, expected)
    assert layer.weight[1, 0] == 0 or layer.weight[1, 0] == pytest.approx(0.1)
    layer(torch.ones(1, 3)).sum().backward()
    gains = pruner.layers[0].theta.grad
    assert gains is not None
    assert gains.tolist() == [[1, 1, 1], [pytest.approx(2)] * 3]


class TestLayerWeighting:
    def weights(self, weighting: str) -> tuple[list[float], Any]:
        """A 2x2 convolution with 16 positions a weight beside a linear layer."""
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Linear(5, 8))
        uses = {"0": torch.full((1, 1, 2, 2), 16), "1": torch.ones(1, 1)}
        options = SimpleNamespace(**DEFAULTS | {"layer_weighting": weighting})
        pruner = attach(model, "stds", options, SimpleNamespace(uses=uses, shape=()))
        return layer_weights(pruner.layers, weighting), pruner

    def test_positions_by_hand(self) -> None:
        """16^(1/4) and 1 over 8 and 40 weights: mean 56/48, so c = 12/7 and 6/7."""
        found, pruner = self.weights("positions")
        assert found == pytest.approx([12 / 7, 6 / 7])
        pruner.start(at(threshold=0.07))
        assert [float(map_.threshold) for map_ in pruner.maps] == pytest.approx([0.12, 0.06])
        assert pruner.threshold == pytest.approx(0.07)

    def test_scale_is_the_initial_mean_magnitude(self) -> None:
        found, pruner = self.weights("scale")
        means = [float(spines.theta.detach().abs().mean()) for spines in pruner.layers]
        assert found[0] / found[1] == pytest.approx(means[0] / means[1])

    @pytest.mark.parametrize("weighting", ["none", "scale", "positions"])
    def test_mean_threshold_over_all_weights_is_d(self, weighting: str) -> None:
        found, _ = self.weights(weighting)
        assert (8 * found[0] + 40 * found[1]) / 48 == pytest.approx(1)

    def test_scale_survives_a_resume_after_weights_have_moved(self) -> None:
        first = Run("stds", layer_weighting="scale").step(4)
        second = Run("stds", layer_weighting="scale")
        for spines in second.pruner.layers:
            weight_of(spines.layer)
            spines.theta.data.mul_(3)
        second.model.load_state_dict(first.model.state_dict())
        for one, other in zip(first.pruner.maps, second.pruner.maps, strict=True):
            assert torch.equal(one.relative, other.relative)
        moment = first.moment(5)
        first.pruner.after_step(moment)
        second.pruner.after_step(moment)
        for weight, expected in zip(second.weights(), first.weights(), strict=True):
            assert torch.equal(weight, expected)
