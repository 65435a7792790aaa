"""Published results: the table, who they match, and that the two sparsities never meet."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import theme
from analysis.figures.front import front_info
from analysis.figures.front_draw import draw_front
from analysis.outcome import classify
from analysis.published import known, plain, published
from analysis.results import Study, load
from analysis.sections.base import Material
from analysis.sections.front import front
from tests.analysis.folder import trial, write_folder
from tests.analysis.fronts import DATA, NETWORK, write_large


def study_of(folder: Path, network: Any, data: Any, **train: Any) -> Study:
    """One trial of a network on a data set."""
    return load(
        write_folder(folder, [trial(0, 0.9, 0.95)], network=network, data=data, spec={"train": train})
    )


def test_the_table_is_whole() -> None:
    """Fractions, a source in every row, at least one sparsity, each fact once."""
    rows = known()
    assert len(rows) == 29
    for row in rows:
        assert row.source
        assert row.sparsity
        assert all(0 < value < 1 for value in (row.accuracy, *row.sparsity.values()))
        assert np.isnan(row.dense_accuracy) or 0 < row.dense_accuracy < 1
    keys = {(*row.pair, row.method, row.accuracy, *row.sparsity.values()) for row in rows}
    assert len(keys) == len(rows)
    both = [row.sparsity for row in rows if len(row.sparsity) == 2]
    assert all(kinds["sparsity_synapses"] < kinds["sparsity_params"] for kinds in both)


@pytest.mark.parametrize(
    ("network", "data"),
    [("6conv2fc", "cifar10"), ("6Conv-2FC", "CIFAR 10"), ("6conv2fc", "CIFAR-10"), ("sixconv", "cifar_10")],
)
def test_names_match_in_any_spelling(tmp_path: Path, network: str, data: str) -> None:
    """STDS, UPR and Grad R on the paper's own network."""
    found = published(study_of(tmp_path / "s", {"name": network}, {"name": data}, timesteps=4))
    assert [one.method for one in found.results] == ["STDS"] * 5 + ["UPR"] * 2 + ["Grad R"]
    assert (
        "8\u00a0published results for 6conv2fc on CIFAR-10 (STDS, UPR and Grad R; T = 8, here T = 4)"
        in found.note
    )


def test_other_networks_and_sizes_match_nothing(tmp_path: Path) -> None:
    """Another data set, another network, the same name in another size; the note says what there is."""
    pairs = [
        ({"name": "6conv2fc"}, {"name": "cifar100"}, {}),
        ({"name": "spiking_vgg16_bn"}, {"name": "cifar10"}, {}),
        ({"name": "6conv2fc", "prunable_weights": 1_000}, {"name": "cifar10"}, {}),
        ({"name": "sew_resnet18"}, {"name": "imagenet"}, {"network_args": {"width": 8}}),
        ({}, {}, {}),
    ]
    for i, (network, data, train) in enumerate(pairs):
        found = published(study_of(tmp_path / str(i), network, data, **train))
        assert found.results == ()
        assert "There are results for 6conv2fc, VGG16 and ResNet19 on CIFAR-10; " in found.note
        assert found.note.startswith("Published results for" if i in (2, 3) else "No published result")
    assert (
        len(published(study_of(tmp_path / "t", {"name": "sew_resnet18"}, {"name": "imagenet"})).results) == 1
    )
    assert plain("DVS-CIFAR10") == plain("cifar10_dvs")


def test_a_result_stands_on_the_axes_of_its_own_sparsity_only(tmp_path: Path) -> None:
    """Grad R has parameters alone, UPR synapses alone, STDS both; neither live nor operations have any."""
    study = load(write_large(tmp_path / "s", trials=40, seeds=2))
    info = front_info(study, classify(study))
    styles = theme.styles(study.trials["scheduler"])
    per: dict[str, dict[str, int]] = {}
    for view in info.views:
        figure = draw_front(info, styles, view)
        traces = [trace for trace in figure.data if str(trace.name).startswith("published")]
        counts = {
            trace.name.split("\u00a0", 1)[1]: int(np.isfinite(np.array(trace.x)).sum()) for trace in traces
        }
        assert {trace.name.split("\u00a0", 1)[1] for trace in traces if trace.showlegend} == {
            name for name, n in counts.items() if n
        }
        assert per.setdefault(view.axis.metric, counts) == counts
        shown = [100 * point.accuracy for point in info.published]
        assert all(100 * info.y_low < accuracy < 100 * info.y_high for accuracy in shown)
    assert per["sparsity_params"] == {"STDS": 5, "UPR": 0, "Grad R": 1}
    assert per["sparsity_synapses"] == {"STDS": 5, "UPR": 2, "Grad R": 0}
    assert all(not sum(per[name].values()) for name in ("synops", "energy_nj", "sparsity_params_live"))


def test_the_section_tells_either_way(tmp_path: Path) -> None:
    """A table with sources where something matches; else the note alone."""
    made = Material.of(load(write_large(tmp_path / "s", trials=20, seeds=2)))
    section = front(made)
    assert len(section.tables) == 2
    assert [row[-1].text for row in section.tables[1].rows] == [
        one.source for one in published(made.study).results
    ]
    digits = Material.of(load(write_large(tmp_path / "t", trials=20, seeds=2, data={"name": "digits"})))
    other = front(digits)
    assert len(other.tables) == 1
    assert other.notes[0].startswith("No published result of this program's table matches 6conv2fc on digits")
    assert (NETWORK["name"], DATA["name"]) == ("6conv2fc", "cifar10")
