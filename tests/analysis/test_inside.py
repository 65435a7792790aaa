"""The sections about what happens inside the networks, on a folder whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.figures.collapse import collapses
from analysis.figures.curves import BYTES, curves_info, curves_to_pick, draw_curves
from analysis.figures.layers import layers_info, views
from analysis.figures.pressure import pressures
from analysis.figures.spines import draw_bands, draw_lines, spines_info, traces_of
from analysis.hardware import chips_of, points_of
from analysis.results import load
from analysis.sections.base import Material
from analysis.sections.curves import curves
from analysis.sections.hardware import hardware
from analysis.sections.layers import layers
from analysis.sections.shapes import shapes
from analysis.sections.spines import spines
from analysis.sections.threshold import threshold
from tests.analysis.folder import trial, write_folder, write_hostile, write_study
from tests.analysis.insides import write_inside

MAKERS = (shapes, threshold, curves, spines, layers, hardware)


@pytest.fixture
def inside(tmp_path: Path) -> Material:
    """Two arms, a front of trials 2 and 3, a dead trial 4."""
    return Material.of(load(write_inside(tmp_path / "s")))


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u00a0", " ")


def test_the_folder_is_what_it_says(inside: Material) -> None:
    """The tests below rest on this."""
    assert inside.outcome.front["number"].tolist() == [2, 3]
    assert inside.outcome.trials["outcome"].tolist()[-1] == "below floor"


def test_collapses_by_schedule(inside: Material) -> None:
    """Trial 4 alone falls, in its last epoch; 0.95 to 0.90 is no collapse."""
    groups = {group.scheduler: group for group in collapses(inside.study, inside.runs)}
    assert {name: (len(g.collapsed), len(g.trainings)) for name, g in groups.items()} == {
        "linear": (1, 2), "dense": (0, 1), "slats": (0, 2),
    }  # fmt: skip
    assert (groups["linear"].times, groups["linear"].to_chance) == ([1.0], 1)
    finding = plain(shapes(inside).finding)
    assert "1 of 5 completed trainings collapse" in finding
    assert "1 to chance), 1 of them in the second half, the median one at u = 1.00: linear 1 of 2." in finding


def test_pressure_is_told_in_units_of_its_mean(inside: Material) -> None:
    """Peaks at 4 in epoch 3; trial 3 has none."""
    found = {line.number: line for line in pressures(inside.runs, inside.outcome)}
    assert sorted(found) == [1, 2, 3]
    assert (found[1].peak, found[1].peak_at) == (pytest.approx(4), 0.75)
    assert found[3].relative == pytest.approx((1, 1, 1, 1))
    assert found[2].absolute == pytest.approx((0.2, 0.4, 0.8, 0.2))
    assert found[1].reference
    assert not found[2].reference


def test_spines(inside: Material) -> None:
    """Turnover peaks in epoch 2 at 50 %; the dense arm has none; both views have as many traces."""
    info = spines_info(inside.study, inside.outcome, inside.runs)
    assert [life.number for life in info.lives] == [1, 2, 3, 4]
    assert (info.lives[0].peak_at, info.lives[0].peak) == (0.5, 0.5)
    assert info.lives[0].eliminated == pytest.approx(0.5)
    assert info.lives[0].flipped == pytest.approx(0.04)
    band = {band.scheduler: band for band in info.bands}["slats"]
    assert info.u.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert band.n == 2
    assert band.quartiles["spines_filopodia"][-1] == pytest.approx([82.5, 85, 87.5])
    finding = plain(spines(inside).finding)
    assert "turnover peaks at u = 0.50 (quartiles 0.50 to 0.50), where 50.0 % of all weights" in finding
    assert "85.0 % of the weights end as filopodia" in finding  # of 0.7, 0.8, 0.9, 1.0
    assert "25.0 % of the first spines survive" in finding
    traces = traces_of(info)
    drawn = [draw(info, inside.styles, traces) for draw in (draw_bands, draw_lines)]
    assert [len(figure.data) for figure in drawn] == [traces, traces]


def test_layers(inside: Material) -> None:
    """Names, values, and the layers that died: conv and lif2 of trial 4, which is not on the front."""
    info = layers_info(inside.study, inside.outcome)
    assert (info.layers, info.nodes) == (("conv", "fc"), ("lif1", "lif2"))
    assert info.front[1].sparsity == pytest.approx([1 - 100 / 3000, 0.7])
    assert (info.trainings, info.affected) == (5, (4,))
    assert (info.severed, info.silent) == ({"conv": (1, 0)}, {"lif2": (1, 0)})
    finding = plain(layers(inside).finding)
    assert "layer conv is the sparsest (90.0 % in the median) and layer fc the densest (70.0 %)" in finding
    # fc: 300 of 800 and 300 of 400.
    assert "layer fc holds most of the synapses left (56 % in the median)" in finding
    assert (
        "Layers died in 1 of 5 completed trainings (none of them on the front): layer conv lost all synapses "
        "in 1 and spiking layer lif2 fell silent in 1." in finding
    )
    assert [label for label, _ in views(info, inside.styles)] == ["Sparsity", "Synapses", "Firing rate"]


def test_a_dead_layer_on_the_front_is_told(tmp_path: Path) -> None:
    """Without names in study.json the layers are numbered; a live count of 0 is dead, too."""
    lists = {"layer_synapses": [5, 9], "layer_synapses_live": [5, 0], "layer_sparsity_params": [0.9, 0.8]}
    rows = [trial(0, 0.9, 0.9, metrics=lists), trial(1, 0.8, 0.8, metrics={"layer_synapses": ["x", None]})]
    found = plain(layers(Material.of(load(write_folder(tmp_path / "s", rows)))).finding)
    assert "Layers died in 1 of 2 completed trainings (1 of them on the front): layer layer 2 lost" in found


def test_hardware(inside: Material) -> None:
    """Costs, chips that fit, the limit by which one fails, and what pruning opened."""
    points, chips = points_of(inside.study, inside.outcome), chips_of(inside.study)
    assert [point.number for point in points] == [0, 2, 3]
    small = chips[0]
    assert points[1].exceeds(small) == [("synapses", 800, 500), ("fan_in", 20, 16)]
    assert points[2].exceeds(small) == []
    section = hardware(inside)
    finding = plain(section.finding)
    assert "live synapses from 800 down to 400 (trial 3; dense 4,000, 10 times as much)" in finding
    assert "energy per sample from 10 down to 5 nJ (trial 3; dense 40, 8 times as much)" in finding
    assert "Of 2 chips with confirmed limits 1 take every network" in finding
    assert "pruning opens Small from 90.0 % sparsity (trial 3) (1 more have unconfirmed limits)." in finding
    matrix = next(picture for picture in section.pictures if picture.key == "chips")
    cells = [[cell.text for cell in row] for row in matrix.table.rows]
    assert cells[1][2:] == ["synapses 800 of 500; fan-in 20 of 16", "yes", "yes"]
    traces = {trace.name: list(trace.customdata) for trace in matrix.views[0][1].data}
    assert traces == {"fits": [0, 2, 3, 3], "by unconfirmed limits": [2, 3], "does not fit": [0, 0, 2]}
    assert "Vague *" in matrix.views[0][1].layout.yaxis.ticktext


def test_hardware_of_an_older_folder_says_what_its_rows_say(tmp_path: Path) -> None:
    """No limits, no reasons, but the marks and the names."""
    section = hardware(Material.of(load(write_inside(tmp_path / "s", chips=False))))
    matrix = next(picture for picture in section.pictures if picture.key == "chips")
    assert [column.label for column in matrix.table.columns][2:] == ["Small", "Vague *", "Large"]
    assert [cell.text for cell in matrix.table.rows[1]][2:] == ["no", "yes", "yes"]
    assert "study.json does not list the chips" in section.notes[0]


def test_curves_of_all_trials_can_be_picked(inside: Material) -> None:
    """Rows of progress and of each panel, by trial; the drawn ones are the front and the arms."""
    data = curves(inside).curves
    assert data is not None
    assert list(data.names) == ["accuracy_val", "sparsity_params", "threshold", "firing_rate"]
    assert sorted(data.trials) == [0, 1, 2, 3, 4]
    assert data.trials[3][:, -1] == pytest.approx([1.0, 0.9, 0.9, 0.4, 0.2])
    info = curves_info(inside.study, inside.outcome, inside.runs)
    assert ([c.number for c in info.curves], [c.number for c in info.arms]) == ([2, 3], [0, 1])
    figure = draw_curves(info, inside.styles)
    assert len(figure.data) == 4 * len(info.panels)
    assert {trace.yaxis for trace in figure.data} == {"y", "y2", "y3", "y4"}


def test_curves_to_pick_stay_within_their_share(tmp_path: Path) -> None:
    """Thinned, the last epoch kept; the front, then the arms, then by number until the room ends."""
    n, epochs = 260, 250
    rows = [trial(i, 0.6 + 0.001 * (i % 7), 0.5) for i in range(n - 1)]
    rows.append(trial(n - 1, 0.9, 0.9))
    lines = [
        {"number": i, "epoch": e, "accuracy_val": e / 250, "sparsity_params": 0.5, "threshold": 0.1}
        for i in range(n)
        for e in range(1, epochs + 1)
    ]
    material = Material.of(load(write_folder(tmp_path / "s", rows, lines)))
    info = curves_info(material.study, material.outcome, material.runs)
    found = curves_to_pick(material.study, material.outcome, material.runs, info.panels, BYTES // 8)
    assert next(iter(found)) == n - 1  # the front
    assert 50 < len(found) < n
    assert found[n - 1].shape[1] <= 60
    assert found[n - 1][:2, -1] == pytest.approx([1.0, 1.0])
    assert sum(7 * values.size for values in found.values()) <= BYTES // 8


def test_threshold_tells_the_d_that_a_sparsity_needs(tmp_path: Path) -> None:
    """s = D / sum(lr) + 0.2 on the nose: 90 % needs 0.7; with five trials the smallest one is named."""
    rows = [trial(i, 0.9, 0.2 + 0.07 * (i + 1), threshold_ratio=0.07 * (i + 1)) for i in range(11)]
    slats = {"pruner": "stds", "scheduler": "slats"}
    rows += [trial(20 + i, 0.9, 0.5 + 0.1 * i, threshold_ratio=0.1 * (i + 1), config=slats) for i in range(5)]
    section = threshold(Material.of(load(write_folder(tmp_path / "s", rows))))
    table = {row[0].text: [cell.text for cell in row] for row in section.tables[0].rows}
    assert table["linear"][5].startswith("0.6 [")
    assert table["linear"][6].startswith("0.7 [")
    assert table["S-LATS"][5:] == ["0.4 (trial 23)", "0.5 (trial 24)", "not reached"]
    assert "D / \u03a3 lr must be 0.7 [" in plain(section.finding)


@pytest.mark.parametrize("make", MAKERS)
def test_bare_and_hostile_folders_have_every_section(make: object, tmp_path: Path) -> None:
    """Without lists, epochs or completed trials a section says what it would need; nothing raises."""
    assert callable(make)
    bare = make(Material.of(load(write_folder(tmp_path / "bare", [trial(0, None, None)]))))
    assert bare.missing
    assert bare.finding.endswith((".", "(n = 0)."))
    for folder in (write_hostile(tmp_path / "h"), write_study(tmp_path / "m", trials=8)):
        section = make(Material.of(load(folder)))
        assert section.missing or section.pictures
        for picture in section.pictures:
            assert len(picture.summary) > 60
            assert picture.table.rows
            assert len({len(figure.data) for _, figure in picture.views}) == 1


@pytest.mark.parametrize("make", MAKERS)
def test_junk_in_the_new_columns_and_keys(make: object, tmp_path: Path) -> None:
    """Lists of texts, chips that are no records, names that are numbers: no section raises."""
    lists = {"layer_synapses": [None, "x"], "node_firing_rate": [], "chips": [None, 3], "fan_in": "many"}
    rows = [trial(i, 0.9 - 0.1 * i, 0.8 + 0.1 * i, metrics=lists) for i in range(2)]
    epochs = [
        {"number": i, "epoch": e, "l1_pressure": 0.0, "spines_formed": None, "spines_flipped": "x"}
        for i in range(2)
        for e in (1, 2)
    ]
    folder = write_folder(
        tmp_path / "s", rows, epochs, network={"layers": [1, 1], "nodes": 3}, chips=[3, {"label": 4}]
    )
    assert callable(make)
    section = make(Material.of(load(folder)))
    assert section.finding
    assert not any(
        math.isnan(value) for picture in section.pictures for value in _numbers(picture.views[0][1])
    )


def _numbers(figure: object) -> list[float]:
    """The drawn coordinates that are numbers."""
    data = getattr(figure, "data", ())
    values = [
        value for trace in data for axis in (trace.x, trace.y) for value in (axis if axis is not None else ())
    ]
    return [value for value in values if isinstance(value, float | np.floating)]
