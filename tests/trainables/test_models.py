"""The contract of every named network, and its sizes against hand counts and torchvision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torchvision
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from trainables import cost
from trainables.errors import ConfigError
from trainables.models import MODELS, Shape, build, reset

CLASSES, STEPS = 3, 3
VGG_CONVS = {
    "A": [(3, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)],
    "D": [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 2, (256, 512)]
    + [(512, 512)] * 5,
}
VGG_FC = [25_088 * 4096, 4096 * 4096, 4096 * 1000]


def resnet(blocks: list[int]) -> list[int]:
    """Weights of a ResNet of basic blocks, layer by layer."""
    found, before = [3 * 64 * 49], 64
    for width, count in zip([64, 128, 256, 512], blocks, strict=True):
        for _ in range(count):
            found += [before * width * 9, width * width * 9]
            found += [before * width] * (before != width)
            before = width
    return [*found, 512 * 1000]


@dataclass(frozen=True)
class Settings:
    """One network: its weights by layer and its neurons at home, by hand; the small form that tests run."""

    weights: list[int]
    neurons: int
    shape: Shape
    args: dict[str, Any] = field(default_factory=dict)


# One row a network, or collection fails. Neurons of SEW-ResNet, by spatial size: the stem; two a block and
# one a downsampling. Of VGG: one per convolution output.
SETTINGS: dict[str, Settings] = {
    "digits_net": Settings(
        [16 * 9, 16 * 32 * 9, 128 * 128, 128 * 100], 16 * 4 * 4 + 32 * 2 * 2 + 128 + 100, (1, 8, 8)
    ),
    "6conv2fc": Settings(
        [3 * 256 * 9, *[256 * 256 * 9] * 5, 16_384 * 2048, 2048 * 100],
        256 * (3 * 32**2 + 3 * 16**2) + 2048 + 100,
        (3, 8, 12),
        {"channels": 4, "hidden": 16},
    ),
    "sew_resnet18": Settings(
        resnet([2, 2, 2, 2]),
        64 * 112**2 + 4 * 64 * 56**2 + 5 * (128 * 28**2 + 256 * 14**2 + 512 * 7**2),
        (3, 16, 16),
    ),
    "sew_resnet34": Settings(
        resnet([3, 4, 6, 3]),
        64 * 112**2 + 6 * 64 * 56**2 + 9 * 128 * 28**2 + 13 * 256 * 14**2 + 7 * 512 * 7**2,
        (2, 8, 8),
    ),
    "spiking_vgg11_bn": Settings(
        [9 * a * b for a, b in VGG_CONVS["A"]] + VGG_FC,
        64 * 224**2 + 128 * 112**2 + 2 * (256 * 56**2 + 512 * 28**2 + 512 * 14**2) + 2 * 4096,
        (1, 32, 32),
        {"hidden": [32]},
    ),
    "spiking_vgg16_bn": Settings(
        [9 * a * b for a, b in VGG_CONVS["D"]] + VGG_FC,
        2 * (64 * 224**2 + 128 * 112**2) + 3 * (256 * 56**2 + 512 * 28**2 + 512 * 14**2) + 2 * 4096,
        (3, 32, 32),
        {"hidden": []},
    ),
    "mlp": Settings([784 * 256, 256 * 100], 256 + 100, (2, 3, 5), {"hidden": [8, 6]}),
}
CASES = [pytest.param(name, SETTINGS[name], id=name) for name in MODELS]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small only wait for a second thread, seconds when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


named = pytest.mark.parametrize(("name", "settings"), CASES)


def small(name: str, settings: Settings, seed: int = 0) -> nn.Module:
    return build(name, STEPS, settings.shape, CLASSES, 2.0, seed, settings.args)


def input_of(settings: Settings, samples: int = 2) -> Tensor:
    return torch.randn(samples, *settings.shape, generator=torch.Generator().manual_seed(1))


def layer_weights(model: nn.Module) -> list[int]:
    return [m.weight.numel() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def at_home(name: str) -> nn.Module:
    """The network at its full size, without memory for its weights."""
    row = MODELS[name]
    with torch.device("meta"):
        return row(1, row.shape, row.classes, 2.0)


@named
def test_sizes_at_home_by_hand(name: str, settings: Settings) -> None:
    model, row = at_home(name), MODELS[name]
    assert layer_weights(model) == settings.weights
    with torch.device("meta"):
        assert cost.geometry(model, row.shape).neurons == settings.neurons
    assert (row.weights, row.neurons) == (sum(settings.weights), settings.neurons)
    assert row.source


def test_the_paper_network_has_the_paper_numbers() -> None:
    assert (MODELS["6conv2fc"].weights, MODELS["6conv2fc"].neurons) == (36_715_264, 985_188)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("sew_resnet18", torchvision.models.resnet18),
        ("sew_resnet34", torchvision.models.resnet34),
        ("spiking_vgg11_bn", torchvision.models.vgg11_bn),
        ("spiking_vgg16_bn", torchvision.models.vgg16_bn),
    ],
)
def test_sizes_of_torchvision(name: str, twin: Callable[[], nn.Module]) -> None:
    with torch.device("meta"):
        other = twin()
    mine = at_home(name)
    assert layer_weights(mine) == layer_weights(other)
    assert sum(p.numel() for p in mine.parameters()) == sum(p.numel() for p in other.parameters())


def test_the_paper_network_runs_at_full_size() -> None:
    model = build("6conv2fc", 1, (3, 32, 32), 10, 2.0, seed=0).eval()
    activity = model(torch.randn(1, 3, 32, 32))
    assert activity.shape == (1, 1, 10)


@named
def test_images_and_frames_give_activity_of_every_step(name: str, settings: Settings) -> None:
    """Frames that repeat the image give the same as the image: in float64, where no spike hangs on order."""
    model, images = small(name, settings).double().eval(), input_of(settings).double()
    with torch.no_grad():
        from_images = model(images)
        reset(model)
        from_frames = model(images.repeat(STEPS, 1, 1, 1, 1))
        reset(model)
        longer = model(images.repeat(STEPS + 1, 1, 1, 1, 1))
    assert from_images.shape == (STEPS, 2, CLASSES)
    assert longer.shape == (STEPS + 1, 2, CLASSES)
    torch.testing.assert_close(from_frames, from_images)
    torch.testing.assert_close(longer[:STEPS], from_images)


@named
def test_seeded_without_touching_the_global_random_state(name: str, settings: Settings) -> None:
    before = torch.get_rng_state()
    first, again, other = (small(name, settings, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    weights = [key for key in first if first[key].dim() > 1]
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@named
def test_reset_forgets_the_sequence_the_mode_and_the_batch_size(name: str, settings: Settings) -> None:
    model, fresh = small(name, settings), small(name, settings)
    for one in (model, fresh):  # currents large enough that states are left behind
        _lively(one)
    nodes = [node for node in model.modules() if isinstance(node, neuron.BaseNode)]
    buffers = {key: value.clone() for key, value in model.named_buffers()}
    model.train()(input_of(settings, 4))
    assert all(isinstance(node.v, Tensor) and bool(node.v.any()) for node in nodes)
    reset(model)
    assert all(not isinstance(node.v, Tensor) and node.v == 0.0 for node in nodes)
    for key, value in model.named_buffers():
        value.copy_(buffers[key])  # what BN has learnt from the batch is no state of the sequence
    with torch.no_grad():
        expected = fresh.eval()(input_of(settings))
        assert torch.equal(model.eval()(input_of(settings)), expected)
        reset(model)
        assert torch.equal(model(input_of(settings)), expected)


def _lively(model: nn.Module) -> None:
    """Ten times the linear weights: at first no neuron of a fully connected layer fires otherwise."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            module.weight.data *= 10


@named
def test_a_gradient_reaches_every_parameter(name: str, settings: Settings) -> None:
    model = small(name, settings).train()
    _lively(model)
    images = torch.randn(4, *settings.shape, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(0)  # dropout
    activity = model(images).mean(0)
    (activity * torch.randn(activity.shape, generator=torch.Generator().manual_seed(3))).sum().backward()
    dead = [key for key, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert dead == []


@named
def test_smallest_image_is_the_smallest(name: str, settings: Settings) -> None:
    row, side = MODELS[name], MODELS[name].smallest
    with torch.device("meta"):
        model = row(STEPS, (2, side, side), CLASSES, 2.0, **settings.args).eval()
        assert model(torch.zeros(2, 2, side, side)).shape == (STEPS, 2, CLASSES)
    if side > 1:
        with pytest.raises(ConfigError, match=f"leave nothing of {side}x{side - 1} .* valid: {side}x{side}"):
            row(STEPS, (2, side, side - 1), CLASSES, 2.0)


def test_digits_net_is_what_it_was() -> None:
    """First values of the weights that seed 0 gave when the network was the only one."""
    model = build("digits_net", 4, (1, 8, 8), 10, 2.0, 0)
    firsts = {key: float(value.detach().flatten()[0]) for key, value in model.named_parameters()}
    expected = {
        "0.stem.0.weight": -0.0024956068955361843,
        "0.stem.1.weight": 1.0,
        "0.stem.1.bias": 0.0,
        "2.weight": -0.07486012578010559,
        "3.weight": 1.0,
        "3.bias": 0.0,
        "7.weight": 0.050449736416339874,
        "9.weight": -0.028500646352767944,
    }
    assert firsts == pytest.approx(expected, rel=1e-6)


def test_dropout_keeps_one_mask_for_all_steps() -> None:
    """With constant spikes through it, what is dropped in one step is dropped in every step."""
    model = build("6conv2fc", STEPS, (3, 8, 8), CLASSES, 2.0, 0, {"channels": 4, "hidden": 16}).train()
    dropout = dict(model.named_children())["dropout7"]
    kept = dropout(torch.ones(STEPS, 2, 64))
    assert torch.equal(kept, kept[:1].expand_as(kept))
    assert set(kept.unique().tolist()) == {0.0, 2.0}


def test_tau_reaches_lif_neurons_and_if_neurons_have_none() -> None:
    lif = [m for m in build("mlp", 2, (1, 2, 2), 2, 3.5, 0).modules() if isinstance(m, neuron.LIFNode)]
    assert [node.tau for node in lif] == [3.5, 3.5]
    vgg = MODELS["spiking_vgg11_bn"](2, (1, 32, 32), 2, 3.5, hidden=[])
    assert {m.tau for m in vgg.modules() if isinstance(m, neuron.BaseNode)} == {3.5}
    sew = MODELS["sew_resnet18"](2, (1, 32, 32), 2, 3.5)
    assert {type(m) for m in sew.modules() if isinstance(m, neuron.BaseNode)} == {neuron.IFNode}


@named
def test_every_neuron_is_the_papers(name: str, settings: Settings) -> None:
    nodes = [m for m in small(name, settings).modules() if isinstance(m, neuron.BaseNode)]
    assert all(node.detach_reset and node.step_mode == "m" for node in nodes)
    assert {type(node.surrogate_function).__name__ for node in nodes} == {"ATan"}


def test_zero_init_makes_every_block_the_identity() -> None:
    model = build("sew_resnet18", 1, (1, 32, 32), 2, 2.0, 0, {"zero_init_residual": True})
    last = [value for key, value in model.named_parameters() if key.endswith("bn2.weight")]
    assert len(last) == 8
    assert not any(bool(value.any()) for value in last)


def test_he_initialisation_of_the_resnet() -> None:
    """Standard deviation sqrt(2 / fan out) of every convolution; fan out of the stem: 64 x 49."""
    model = build("sew_resnet18", 1, (3, 32, 32), 10, 2.0, 0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.weight[:, 0].numel()
            assert float(module.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
