"""What every pruner owes, over the registry; ``pruning.SETTINGS`` has one row of options for each."""

from __future__ import annotations

import copy
import functools
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from tests.trainables.pruning import (
    DEFAULTS,
    SETTINGS,
    SHAPES,
    Run,
    at,
    network,
    one_thread,  # noqa: F401
    single,
    weight_of,
)
from trainables import neurons, pruners
from trainables.errors import ConfigError
from trainables.pruners import PRUNERS, bake, neuron_masks, prunable

CONSTANT = ["deep_r", "set", "rigl"]  # so many connections from first to last
TARGET = ["agp", "admm", *CONSTANT]  # end at final_sparsity
FIXED_AFTER = ["agp", "admm", "set", "rigl", "upr"]  # masks rest after the window
MASKED = ["agp", "admm", "set", "rigl", "upr", "deep_r"]  # theta of a pruned weight has no effect
# What the training reads on a pruner's behalf, not the pruner itself.
OF_THE_TRAINING = {"final_threshold", "threshold_unit", "scheduler", "window_start", "window_end"}

every = pytest.mark.parametrize("name", SETTINGS)


def check_baked(run: Run) -> None:
    """The baked network is plain but for gates of neurons, computes the same, and can be stored."""
    expected = run.output()
    bake(run.model)
    neurons.unfuse(run.model)
    state = run.model.state_dict()
    gates = {key for key in state if key.endswith("neuron_mask.gate")}
    assert set(state) - gates == set(network(run.kind).state_dict())
    assert torch.equal(run.output(), expected)
    fresh = network(run.kind)
    neuron_masks.install(fresh, state)
    fresh.load_state_dict(state)
    run.model = pickle.loads(pickle.dumps(fresh))  # noqa: S301
    assert torch.equal(run.output(), expected)


@every
@pytest.mark.parametrize("kind", SHAPES)
def test_any_layer_is_pruned_and_baked(name: str, kind: str) -> None:
    """Convolutions of one to three dimensions and linear layers; finite gradients for all parameters."""
    run = Run(name, kind).step(3)
    for key, parameter in run.model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.shape == parameter.shape
        assert parameter.grad.isfinite().all()
    run.finish()
    assert all(weight.isfinite().all() for weight in run.weights())
    zeros = sum(int((weight == 0).sum()) for weight in run.weights())
    assert (zeros > 0) == (name != "dense")
    check_baked(run)


@every
def test_network_baked_in_the_middle_computes_the_same(name: str) -> None:
    check_baked(Run(name).step(5))


@every
def test_keeps_the_parameter_object_and_draws_no_random_numbers(name: str) -> None:
    model = network("conv2d")
    before = [weight_of(layer) for layer in prunable(model).values()]
    state = torch.get_rng_state()
    uses = {layer: torch.ones(()) for layer in prunable(model)}
    options = SimpleNamespace(**DEFAULTS | SETTINGS[name])
    pruners.attach(model, name, options, SimpleNamespace(uses=uses, shape=SHAPES["conv2d"]))
    after = {id(parameter) for parameter in model.parameters()}
    assert all(id(weight) in after for weight in before)
    assert torch.equal(torch.get_rng_state(), state)


@functools.cache
def undisturbed(name: str) -> dict[str, torch.Tensor]:
    return Run(name).finish().model.state_dict()


@every
@pytest.mark.parametrize("stop", [3, 8, 9, 11])  # the window closes with step 9
def test_resumed_run_gives_the_same_bits(name: str, stop: int) -> None:
    first = Run(name).step(stop)
    saved = copy.deepcopy((first.model.state_dict(), first.optimizer.state_dict(), torch.get_rng_state()))
    second = Run(name)
    second.model.load_state_dict(saved[0])
    second.optimizer.load_state_dict(saved[1])
    torch.set_rng_state(saved[2])
    second.done = stop
    assert second.pruner.threshold == first.pruner.threshold
    found, expected = second.finish().model.state_dict(), undisturbed(name)
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert torch.equal(value, expected[key]), key


@pytest.mark.parametrize("name", TARGET)
@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_reaches_its_target(name: str, sparsity: float) -> None:
    run = Run(name, final_sparsity=sparsity).finish()
    total = sum(weight.numel() for weight in run.weights())
    kept = sum(int(map_.mask.sum()) for map_ in run.pruner.maps)
    assert kept == round(total * (1 - sparsity))
    found = sum(int((weight != 0).sum()) for weight in run.weights())
    assert found <= kept
    if name in ("agp", "admm", "deep_r"):  # set and rigl grow from 0, and some stay there without gradient
        assert found == kept


@pytest.mark.parametrize("name", MASKED)
def test_theta_of_a_pruned_weight_has_no_effect(name: str) -> None:
    run = Run(name).finish()
    expected = run.output()
    with torch.no_grad():
        for spines in run.pruner.layers:
            spines.theta.add_((weight_of(spines.layer) == 0) & (spines.theta != 0))
    if name == "upr":
        assert (run.pruner.neurons[0].opening() == 0).any()
    assert torch.equal(run.output(), expected)


@pytest.mark.parametrize("name", FIXED_AFTER)
def test_moments_of_adam_bring_nothing_back_after_the_window(name: str) -> None:
    run = Run(name, steps=40, window_end=0.3).step(12)
    # of SET and RigL the mask counts: what has just grown is 0 as well, and may become more
    masks = [~map_.mask for map_ in run.pruner.maps] if name in ("set", "rigl") else None
    pruned = masks or [weight == 0 for weight in run.weights()]
    before = [spines.theta.detach().clone() for spines in run.pruner.layers]
    run.finish()
    for zero, weight, theta, spines in zip(pruned, run.weights(), before, run.pruner.layers, strict=True):
        assert (weight[zero] == 0).all()
        assert not torch.equal(spines.theta[~zero], theta[~zero])  # the others are fine-tuned


@every
def test_channels_last_changes_nothing(name: str) -> None:
    """Layout must not matter to rewiring; rounding of the convolutions may differ, choices seldom."""
    run = Run(name)
    run.model.to(memory_format=torch.channels_last)
    run.finish()
    expected = Run(name).finish()
    for weight, other in zip(run.weights(), expected.weights(), strict=True):
        assert (weight == 0).float().mean() == pytest.approx(float((other == 0).float().mean()), abs=0.05)


class Recorder(SimpleNamespace):
    """Options that remember which of them were read."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").setdefault("_read", set()).add(name)
        return object.__getattribute__(self, name)


@every
def test_fields_are_what_it_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All fields that a run of the pruner reads are declared, and nothing else: others can be idle."""
    recorder = Recorder(**DEFAULTS | SETTINGS[name])
    run = Run(name)
    monkeypatch.setattr(run.pruner, "options", recorder)
    type(run.pruner)(run.pruner.layers, recorder)
    run.pruner.start(run.moment(0))
    run.finish()
    read = recorder.__dict__.get("_read", set())
    fields = set(PRUNERS[name].fields)
    assert fields - OF_THE_TRAINING - {"exempt"} == read - OF_THE_TRAINING
    assert read <= fields
    assert ("exempt" in fields) == (name != "dense")
    assert fields <= set(DEFAULTS) | OF_THE_TRAINING


@every
def test_drive_and_fields_agree(name: str) -> None:
    cls = PRUNERS[name]
    assert cls.drive in ("threshold", "sparsity", "none")
    assert (cls.drive == "threshold") == ("final_threshold" in cls.fields)
    assert (cls.drive != "none") == ("scheduler" in cls.fields)
    assert ("window_start" in cls.fields) == ("window_end" in cls.fields)
    assert 0 < cls.window_end <= 1


@pytest.mark.parametrize("name", CONSTANT)
def test_number_of_connections_is_constant(name: str) -> None:
    run = Run(name, steps=20)
    counts = [int(map_.mask.sum()) for map_ in run.pruner.maps]
    masks = [map_.mask.clone() for map_ in run.pruner.maps]
    assert counts[0] > 0
    for _ in range(20):
        run.step()
        assert [int(map_.mask.sum()) for map_ in run.pruner.maps] == counts
    assert any(not torch.equal(mask, map_.mask) for mask, map_ in zip(masks, run.pruner.maps, strict=True))


def test_exempt_layers_stay_dense_and_plain() -> None:
    run = Run("agp", exempt=("1",)).finish()
    assert isinstance(run.model, nn.Sequential)
    assert not hasattr(run.model[1], "parametrizations")
    first, second = run.weights()
    assert (first != 0).all()
    assert (second == 0).double().mean() == pytest.approx(0.8, abs=0.5 / second.numel())


def test_exempt_pattern_that_matches_nothing_names_the_nearest_layer() -> None:
    model = nn.Sequential()
    model.add_module("features", nn.Linear(2, 2))
    model.add_module("classifier", nn.Linear(2, 2))
    with pytest.raises(ConfigError) as error:
        prunable(model, ("clasifier", "feat*"))
    assert error.value.problems == [
        "exempt: unknown layer 'clasifier': did you mean 'classifier'? known: features, classifier"
    ]


def test_exempting_everything_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"exempt: \* leaves no layer to prune of 0"):
        prunable(nn.Sequential(nn.Linear(2, 2)), ("*",))


def test_attach_names_what_has_nothing_to_prune() -> None:
    with pytest.raises(ValueError, match="IFNode has no convolution or linear layer"):
        single(neuron.IFNode(), "stds")


def test_moment_knows_when_it_prunes() -> None:
    assert [at(window=w).pruning for w in (0.0, 0.2, 1.0)] == [False, True, False]
    assert at(window=1.0, closes=True).pruning
