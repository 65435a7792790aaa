from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from trainables import pruners
from trainables.pruners import PRUNERS, attach, bake, set_threshold

LAYERS = {
    "linear": lambda: nn.Linear(7, 5),
    "conv2d": lambda: nn.Conv2d(3, 4, 3),
}
INPUTS = {"linear": (2, 7), "conv2d": (2, 3, 6, 6)}


def soft_threshold(theta: Tensor, d: float) -> Tensor:
    """The definition, written out."""
    return theta.sign() * torch.maximum(theta.abs() - d, torch.zeros(()))


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return LAYERS[request.param]()


def sample(layer: nn.Module) -> Tensor:
    return torch.randn(INPUTS["linear" if isinstance(layer, nn.Linear) else "conv2d"])


@pytest.mark.parametrize("name", PRUNERS)
class TestEveryPruner:
    def test_threshold_zero_is_the_dense_layer(self, name: str, layer: nn.Module) -> None:
        x = sample(layer)
        dense = layer(x)
        attach(layer, name)
        assert torch.equal(layer(x), dense)

    def test_keeps_the_parameter_object(self, name: str, layer: nn.Module) -> None:
        weight = layer.weight
        attach(layer, name)
        assert any(weight is parameter for parameter in layer.parameters())

    def test_bake_leaves_a_plain_layer_with_the_same_output(self, name: str, layer: nn.Module) -> None:
        x = sample(layer)
        set_threshold(attach(layer, name), 0.1)
        expected = layer(x)
        keys = set(LAYERS["linear" if isinstance(layer, nn.Linear) else "conv2d"]().state_dict())
        bake(layer)
        assert set(layer.state_dict()) == keys
        assert torch.equal(layer(x), expected)

    def test_one_threshold_for_all_layers_and_it_is_saved(self, name: str) -> None:
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        set_threshold(attach(model, name), 0.25)
        saved = {key: value for key, value in model.state_dict().items() if key.endswith("threshold")}
        assert [float(value) for value in saved.values()] == [0.25, 0.25]

    def test_every_weight_gets_a_gradient_of_its_shape(self, name: str, layer: nn.Module) -> None:
        attach(layer, name)
        layer(sample(layer)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in layer.parameters())


def test_stds_is_the_soft_threshold(layer: nn.Module) -> None:
    theta = layer.weight.detach().clone()
    set_threshold(attach(layer, "stds"), 0.12)
    assert torch.equal(layer.weight, soft_threshold(theta, torch.tensor(0.12)))
    assert 0 < (layer.weight == 0).float().mean() < 1


def test_stds_gradient_passes_straight_through() -> None:
    """dL/dtheta = dL/dw for grown, pruned, negative and zero spines alike."""
    layer = nn.Linear(5, 1, bias=False)
    layer.weight.data = torch.tensor([[0.5, 0.1, 0.0, -0.1, -0.5]])
    set_threshold(attach(layer, "stds"), 0.2)
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    layer(x).sum().backward()
    assert torch.equal(layer.parametrizations.weight.original.grad, x)
    assert layer.weight.tolist() == [[pytest.approx(0.3), 0, 0, 0, pytest.approx(-0.3)]]


def test_stds_filopodium_grows_back_with_the_other_sign() -> None:
    """theta 0.1 under d 0.2 is pruned; gradient +1 at lr 0.1 moves it by -0.1 a step: back at -0.3, w < 0."""
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.1)
    set_threshold(attach(layer, "stds"), 0.25)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    weights = []
    for _ in range(5):
        weights.append(float(layer.weight.detach()))
        optimizer.zero_grad()
        layer(torch.ones(1, 1)).sum().backward()
        optimizer.step()
    assert weights == pytest.approx([0, 0, 0, 0, -0.05], abs=1e-6)


def test_stds_under_sgd_is_dual_averaging() -> None:
    """w[n] = S(theta[0] - sum lr[i] dL/dw[i], d[n]): the sum is kept by hand, beside the optimiser."""
    torch.manual_seed(1)
    model = nn.Linear(6, 3, bias=False).double()
    expected = model.weight.detach().clone()
    pruner = attach(model, "stds").double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    x, y = torch.randn(20, 6).double(), torch.randn(20, 3).double()
    for step in range(40):
        d, lr = 0.01 * step, 0.5 / (1 + step)
        set_threshold(pruner, d)
        w = soft_threshold(expected, torch.tensor(d).double()).requires_grad_()
        (gradient,) = torch.autograd.grad((x @ w.T - y).square().mean(), w)
        assert torch.allclose(model.weight, w, atol=1e-6)  # d is stored in float64 after .double()
        expected = expected - lr * gradient
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    assert 0 < float((model.weight == 0).double().mean()) < 1


def test_attach_names_what_has_nothing_to_prune() -> None:
    with pytest.raises(ValueError, match="ReLU has no convolution or linear layer"):
        pruners.attach(nn.ReLU(), "stds")
