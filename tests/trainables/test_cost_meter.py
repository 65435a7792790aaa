"""The meter over a whole training; the synapses of the paper's network."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from trainables import cost, models, pruners, train
from trainables.config import TrainConfig
from trainables.metrics import METRICS, finite, table

SHORT = TrainConfig(epochs=3, threads=1)

# Sparsity of conv1 .. conv6, fc7, fc8 in percent at the end of the authors' runs (TensorBoard logs), and
# what remains in percent: of the parameters, of the synapses.
STDS_RUNS = {
    1: ((85.3, 94.0, 87.4, 83.9, 84.7, 79.1, 96.5, 39.3), 4.641, 11.32),
    2: ((93.2, 97.8, 94.0, 92.1, 92.5, 88.4, 98.4, 57.6), 2.230, 5.32),
    3: ((96.0, 98.9, 96.8, 95.5, 95.5, 92.6, 99.0, 67.1), 1.400, 2.99),
    4: ((97.5, 99.4, 98.0, 97.1, 97.0, 94.7, 99.3, 73.8), 0.993, 1.92),
    5: ((97.8, 99.6, 98.6, 98.0, 97.9, 95.9, 99.5, 79.0), 0.746, 1.39),
}


@pytest.fixture(scope="module")
def paper() -> list[tuple[int, int]]:
    """Weights and synapses of each layer of 6conv2fc on 3 x 32 x 32; the large matrix stays unallocated."""
    convs = [nn.Conv2d(i, 256, 3, padding=1, bias=False) for i in (3, *[256] * 5)]
    first = nn.Sequential(*convs[:3], nn.MaxPool2d(2), *convs[3:], nn.MaxPool2d(2))
    geometry = cost.geometry(first, (3, 32, 32))
    found = [
        (conv.weight.numel(), int(uses.expand_as(conv.weight).sum()))
        for conv, uses in zip(convs, geometry.uses.values(), strict=True)
    ]
    return [*found, (16384 * 2048,) * 2, (2048 * 100,) * 2]


def test_size_of_the_paper_s_network(paper: list[tuple[int, int]]) -> None:
    assert sum(weights for weights, _ in paper) == 36_715_264
    # valid taps of a 3-kernel on a line of n pixels: 3n - 2
    by_hand = [256 * 94**2 * 3, *[256**2 * 94**2] * 2, *[256**2 * 46**2] * 3, 2**25, 204_800]
    assert [synapses for _, synapses in paper] == by_hand


@pytest.mark.parametrize("d", STDS_RUNS)
def test_connectivity_of_the_paper_s_runs(d: int, paper: list[tuple[int, int]]) -> None:
    """Layer sparsities are known to 0.05 percent points; so are, within that, both connectivities."""
    layers, params, connectivity = STDS_RUNS[d]
    for column, expected in ((0, params), (1, connectivity)):
        sizes = [layer[column] for layer in paper]
        left = sum((100 - s) * size for s, size in zip(layers, sizes, strict=True)) / sum(sizes)
        assert left == pytest.approx(expected, abs=0.05)


def test_connectivity_is_counted_on_masks_of_those_sparsities() -> None:
    """The same, an eighth as wide, from weights: random masks of D = 1, counted by the meter."""
    torch.manual_seed(0)
    w = 32
    convs = [nn.Conv2d(i, w, 3, padding=1, bias=False) for i in (3, *[w] * 5)]
    head = [nn.Flatten(), nn.Linear(w * 64, 8 * w, bias=False), nn.Linear(8 * w, 100, bias=False)]
    model = nn.Sequential(*convs[:3], nn.MaxPool2d(2), *convs[3:], nn.MaxPool2d(2), *head)
    layers = [*convs, *head[1:]]
    for layer, percent in zip(layers, STDS_RUNS[1][0], strict=True):
        n = layer.weight.numel()
        layer.weight.data.flatten()[torch.randperm(n)[: round(n * percent / 100)]] = 0
    meter = cost.Meter(model, (3, 32, 32))
    row = meter.row()
    assert row["layer_sparsity_params"] == pytest.approx([p / 100 for p in STDS_RUNS[1][0]], abs=1e-3)
    left = sum((1 - p / 100) * n for p, n in zip(STDS_RUNS[1][0], meter.synapses, strict=True))
    assert row["synapses"] == pytest.approx(left, rel=0.02)
    assert row["synapses_live"] <= row["synapses"]


def test_shares_of_spines_add_up_and_the_first_generation_dies() -> None:
    rows = list(train.Training(SHORT))
    assert rows[-1]["spines_survival"] < 1
    assert all(row["spines_mature"] + row["spines_filopodia"] == 1 for row in rows)


def test_every_entry_has_a_row_in_the_list_and_its_length() -> None:
    run = train.Training(SHORT)
    epoch, meter = next(run), run.meter
    row = {name: value for name, value in epoch.items() if name != "reason"}
    assert set(row) <= set(METRICS)
    for name, value in row.items():
        per = METRICS[name].per
        assert isinstance(value, list) == (per is not None or name == "chips"), name
        if per is not None:
            assert len(value) == len(meter.layers if per == "layer" else meter.nodes), name
            assert name.startswith(per)
    assert {name for name in METRICS if METRICS[name].per} <= set(row)
    assert json.loads(json.dumps([finite(row), table()])) == [row, table()]
    assert None not in row.values()


def test_entries_of_what_was_not_watched_are_none() -> None:
    model = models.build("digits_net", 4, (1, 8, 8), 10, 2.0, seed=0)
    row = cost.Meter(model, (1, 8, 8)).row()
    unknown = {name for name, value in row.items() if value is None}
    assert unknown == {
        "synops", "macs", "energy_nj", "firing_rate", "layer_synops", "layer_macs", "node_firing_rate"
    }  # fmt: skip


def test_totals_are_sums_and_agree_with_connections() -> None:
    model = models.build("digits_net", 4, (1, 8, 8), 10, 2.0, seed=0)
    geometry = cost.geometry(model, (1, 8, 8))
    pruners.attach(model, "stds", TrainConfig(), geometry).set_threshold(0.05)
    meter = cost.Meter(model, (1, 8, 8), geometry)
    row, count = meter.row(), cost.connections(model, meter.geometry)
    assert row["synapses"] == sum(row["layer_synapses"]) == count.synapses_left
    assert row["sparsity_params"] == count.sparsity_params
    assert row["sparsity_synapses"] == count.sparsity_synapses
    assert (sum(meter.weights), sum(meter.synapses)) == (count.weights, count.synapses)
    assert row["synapses_live"] == sum(row["layer_synapses_live"])
    assert row["neurons"] == 612


def test_lists_lose_what_json_cannot_hold() -> None:
    assert finite({"a": [1.0, float("nan")], "b": float("inf"), "c": ["x", 2]}) == {
        "a": [1.0, None],
        "b": None,
        "c": ["x", 2],
    }
