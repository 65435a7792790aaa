from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.trainables.exported import CONFIG, IMAGES, Trained, outputs
from trainables import assembly
from trainables.errors import ConfigError
from trainables.export import fold_batchnorm, one_step


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(["conv", "conv_bias", "linear", "pooled"]),
    affine=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_folded_layer_is_the_closed_form_and_keeps_its_zeros(kind: str, affine: bool, seed: int) -> None:
    torch.manual_seed(seed)
    between: list[nn.Module] = []
    if kind == "linear":
        first: Any = nn.Linear(5, 4)
        norm: Any = nn.BatchNorm1d(4, affine=affine)
        x = torch.randn(6, 5)
    else:
        first = nn.Conv2d(2, 4, 3, padding=1, bias=kind == "conv_bias")
        norm = nn.BatchNorm2d(4, affine=affine)
        x = torch.randn(6, 2, 4, 4)
        between = [nn.AvgPool2d(2)] if kind == "pooled" else []
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.1, 2)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    with torch.no_grad():
        first.weight[torch.rand_like(first.weight) < 0.6] = 0
    net = nn.Sequential(first, *between, norm).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    folded = fold_batchnorm(net)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in folded.modules())
    torch.testing.assert_close(folded(x), net(x), rtol=1e-5, atol=1e-5)
    assert torch.equal(folded.get_submodule("0").weight == 0, first.weight == 0)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_one_step_repeated_is_the_network_and_folding_keeps_its_spikes(trained: Trained) -> None:
    model, _, _ = assembly.baked_network(CONFIG, trained[1])
    expected = outputs(model.eval(), IMAGES)
    assert expected.mean() > 0.02  # it fires
    assert torch.equal(outputs(one_step(model), IMAGES, CONFIG.timesteps), expected)
    assert torch.equal(outputs(fold_batchnorm(model), IMAGES, CONFIG.timesteps), expected)


@pytest.mark.parametrize(
    ("net", "culprit"),
    [
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), "normalisation 0 "),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.BatchNorm2d(2)), "normalisation 2 "),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2, padding=1), nn.BatchNorm2d(2)),
            "normalisation 2 ",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)),
            "running statistics",
        ),
    ],
)
def test_batchnorm_that_can_not_be_folded_is_named(net: nn.Module, culprit: str) -> None:
    with pytest.raises(ConfigError) as error:
        fold_batchnorm(net)
    assert len(error.value.problems) == 1
    assert culprit in error.value.problems[0]


def test_a_convolution_that_feeds_something_else_too_is_not_folded() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            result: torch.Tensor = y + self.norm(y)
            return result

    with pytest.raises(ConfigError, match="normalisation norm "):
        fold_batchnorm(Fork())
