"""Methods that rewire: which connections go, which come, and that their number holds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.trainables.pruning import (
    at,
    one_thread,  # noqa: F401
    single,
)
from trainables.errors import ConfigError
from trainables.pruners.deep_r import NEWBORN
from trainables.pruners.drop_grow import rewire
from trainables.pruners.masks import erdos_renyi, largest


def line(values: list[float]) -> Any:
    """A linear layer with one output and these weights."""
    layer = nn.Linear(len(values), 1, bias=False)
    layer.weight.data = torch.tensor([values])
    return layer


class TestErdosRenyi:
    def test_by_hand(self) -> None:
        """10x10 and 20x30 at density 0.2: e (20 + 50) = 140, so 2 a neuron: 40 and 100."""
        assert erdos_renyi([(10, 10), (20, 30)], 0.2) == [40, 100]

    def test_kernel_counts(self) -> None:
        """8x4x3x3 (sum 18) and 100x82 (sum 182) share 0.1 of 8488 = 849: e = 4.244, 76 and 772."""
        assert erdos_renyi([(8, 4, 3, 3), (100, 82)], 0.1) == [76, 773]

    def test_layer_that_would_be_more_than_full_gives_to_the_others(self) -> None:
        """2x2 would get 4e: full; 100 x 100 gets the rest of 0.5 * 10004."""
        assert erdos_renyi([(2, 2), (100, 100)], 0.5) == [4, 4998]

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(2, 40), st.integers(2, 40)), min_size=1, max_size=5),
        st.floats(0.02, 1),
    )
    def test_total_is_what_was_asked(self, shapes: list[tuple[int, ...]], density: float) -> None:
        sizes = [math.prod(shape) for shape in shapes]
        counts = erdos_renyi(shapes, density)
        assert all(1 <= count <= size for count, size in zip(counts, sizes, strict=True))
        assert abs(sum(counts) - density * sum(sizes)) <= 0.5 + len(shapes)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_largest_keeps_exactly_so_many_and_none_smaller(values: list[int], data: Any) -> None:
    """With ties."""
    count = data.draw(st.integers(0, len(values)))
    score = torch.tensor(values, dtype=torch.float32)
    mask = largest(score, count)
    assert int(mask.sum()) == count
    if 0 < count < len(values):
        assert score[mask].min() >= score[~mask].max()


class TestRigL:
    def test_drops_the_smallest_and_grows_the_largest_gradient(self) -> None:
        """4 connections, half move: 0.1 and -0.2 go; of the 6 others gradients 9 and -8 come, at theta 0."""
        layer = line([0.1, -0.2, 0.5, -0.6, 7, 7, 7, 7])
        pruner = single(layer, "rigl", drop_fraction=1.0, update_steps=1)
        mask, theta = pruner.maps[0].mask, pruner.layers[0].theta
        mask[0, 4:] = False
        theta.grad = torch.tensor([[5.0, 0, 0, 0, 3, 9, -8, 1]])
        pruner.before_step(at(window=0.5))  # drop fraction 1/2 (1 + cos(pi/2)) = 1/2
        assert mask.tolist() == [[False, False, True, True, False, True, True, False]]
        assert theta.tolist() == [[pytest.approx(v) for v in (0.1, -0.2, 0.5, -0.6, 7, 0, 0, 7)]]
        assert theta.grad.tolist() == [[0, 0, 0, 0, 0, 9, -8, 0]]

    def test_dropped_connection_with_a_large_gradient_stays_as_it_was(self) -> None:
        theta = torch.tensor([0.1, 0.5, 0.0])
        mask = torch.tensor([True, True, False])
        after = rewire(mask, theta, torch.tensor([9.0, 0.0, 1.0]), 0.5)
        assert after.tolist() == [True, True, False]
        assert theta.tolist() == pytest.approx([0.1, 0.5, 0])

    @pytest.mark.parametrize(("window", "expected"), [(0.0, 0.4), (0.5, 0.2), (1.0, 0.0)])
    def test_drop_fraction_decays_as_a_cosine(self, window: float, expected: float) -> None:
        pruner = single(line([1.0, 2.0]), "rigl", drop_fraction=0.4)
        assert pruner.share(at(window=window)) == pytest.approx(expected)

    @pytest.mark.parametrize("name", ["set", "rigl"])
    @pytest.mark.parametrize(("step", "window"), [(3, 0.5), (4, 1.0), (4, 0.0)])
    def test_no_rewiring_between_updates_and_outside_the_window(
        self, name: str, step: int, window: float
    ) -> None:
        pruner = single(line([1.0] * 8), name, drop_fraction=0.5, update_steps=2)
        mask, theta = pruner.maps[0].mask, pruner.layers[0].theta
        mask[0, 4:] = False
        before = mask.clone()
        theta.grad = torch.arange(8.0).unsqueeze(0)
        pruner.before_step(at(step, window))
        assert torch.equal(mask, before)
        assert torch.equal(theta.grad, torch.arange(8.0).unsqueeze(0) * mask)


def test_set_grows_uniformly() -> None:
    """2 of 10 connections move each time; over 400 draws each dormant one (or a dropped) comes 1 in 3."""
    torch.manual_seed(0)
    came = torch.zeros(14)
    for _ in range(400):
        pruner = single(line([*[1.0, 1.1], *[5.0] * 8, *[0.0] * 4]), "set", drop_fraction=0.2, update_steps=1)
        pruner.maps[0].mask[0, 10:] = False
        theta = pruner.layers[0].theta
        theta.grad = torch.ones_like(theta)
        pruner.before_step(at())
        came += pruner.maps[0].mask[0]
    assert (came[2:10] == 400).all()
    candidates = torch.cat([came[:2], came[10:]])
    assert candidates.sum() == 800
    assert ((candidates - 800 / 6).abs() < 4 * math.sqrt(400 * 2 / 9)).all()


class TestDeepR:
    def pruner(self, values: list[float], active: list[bool], strength: float) -> Any:
        pruner = single(line(values), "deep_r", pruner_strength=strength)
        pruner.maps[0].mask[0] = torch.tensor(active)
        return pruner

    def test_sign_flip_goes_dormant_and_another_wakes(self) -> None:
        """Connection 0 began positive and is now -0.1: it goes; one of the other three wakes at 1e-12."""
        torch.manual_seed(0)
        seen = set()
        for _ in range(60):
            pruner = self.pruner([0.1, -0.5, 0.3, -0.4], [True, True, False, False], 0.0)
            map_, theta = pruner.maps[0], pruner.layers[0].theta
            with torch.no_grad():
                theta[0, 0] = -0.1
            pruner.after_step(at())
            assert map_.mask.sum() == 2
            assert map_.mask[0, 1]
            (woken,) = (i for i in (0, 2, 3) if map_.mask[0, i])
            seen.add(woken)
            sign = -1 if woken == 3 else 1
            assert theta[0, woken].item() == pytest.approx(sign * NEWBORN, rel=1e-6, abs=0)
        assert seen == {0, 2, 3}  # the one that was lost may come back

    def test_drift_and_noise(self) -> None:
        """Active strengths lose lr alpha = 0.02 on average, with a spread of a third of it; dormant rest."""
        torch.manual_seed(0)
        values = [1.0, -1.0] * 2000
        pruner = self.pruner(values, [True, True, False, False] * 1000, 0.2)
        pruner.after_step(at(lr=0.1))
        theta = pruner.layers[0].theta.detach()
        moved = (theta - torch.tensor([values])) * torch.tensor([values])
        active = pruner.maps[0].mask
        assert (moved[~active] == 0).all()
        assert moved[active].mean() == pytest.approx(-0.02, abs=5 * 0.02 / 3 / math.sqrt(2000))
        assert moved[active].std() == pytest.approx(0.02 / 3, rel=0.08)


class TestGradR:
    def test_prior_mean(self) -> None:
        """p = 0.9, alpha = 0.5: ln(0.2) / 0.5."""
        pruner = single(line([1.0]), "grad_r", final_sparsity=0.9, pruner_strength=0.5)
        assert pruner.prior_mean == pytest.approx(-3.2188758)

    def test_prior_is_a_laplace_with_that_share_below_zero(self) -> None:
        """P(q < 0) = 1 - exp(alpha mu) / 2 of a Laplace around mu < 0 with scale 1 / alpha."""
        pruner = single(line([1.0]), "grad_r", final_sparsity=0.7, pruner_strength=0.3)
        prior = torch.distributions.Laplace(pruner.prior_mean, 1 / 0.3)
        assert float(prior.cdf(torch.tensor(0.0))) == pytest.approx(0.7)

    def test_update_by_hand(self) -> None:
        """mu = ln 0.2 / 4 = -0.40: strengths above it fall by lr alpha = 0.4, those below rise.

        theta 1 and -1 go to 0.6 and -0.6; a positive one that is now at -0.3 falls to -0.7, at -0.7 rises
        to -0.3; a negative one at +0.7 (strength -0.7) rises to strength -0.3, theta 0.3.
        """
        layer = line([1.0, -1.0, 1.0, 1.0, -1.0])
        pruner = single(layer, "grad_r", final_sparsity=0.9, pruner_strength=4.0)
        theta = pruner.layers[0].theta
        with torch.no_grad():
            theta[0, 2:] = torch.tensor([-0.3, -0.7, 0.7])
        pruner.before_step(at(lr=0.1))
        assert theta[0].tolist() == pytest.approx([0.6, -0.6, -0.7, -0.3, 0.3])
        assert layer.weight[0].tolist() == pytest.approx([0.6, -0.6, 0, 0, 0])

    def test_sparsity_below_one_half_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"final_sparsity: got 0.3; grad_r needs at least 0.5"):
            single(line([1.0]), "grad_r", final_sparsity=0.3)
