"""Figures are compared by their info, the numbers that they draw."""

from pathlib import Path

import numpy as np
import pytest

from analysis.figures.curves import curves_info
from analysis.figures.labels import corner, places
from analysis.figures.shapes import crossing, shapes_info
from analysis.figures.threshold import threshold_info
from analysis.outcome import classify
from analysis.results import load
from analysis.runs import Runs
from analysis.theme import styles
from tests.analysis.folder import GRID, trial, write_folder, write_study


def test_labels_avoid_points_and_each_other() -> None:
    """A point right of the label's own point sends the label to the left."""
    assert places([(0.5, 0.5)], ["label"], [], (900, 400)) == ["middle right"]
    assert places([(0.5, 0.5)], ["label"], [(0.53, 0.5)], (900, 400)) == ["middle left"]
    assert len(set(places([(0.5, 0.5), (0.5, 0.5)], ["label", "label"], [], (900, 400)))) == 2
    assert corner(0.9, "dense", [(0.99, 0.91)], (900, 400)) == ("left", True)


def test_threshold_info(tmp_path: Path) -> None:
    """Rho over the search only, by schedule from five trials on, the smallest D that reached a sparsity."""
    rows = [trial(i, 0.9, 0.5 + 0.1 * i, threshold_ratio=0.1 * (i + 1)) for i in range(5)]
    rows.append(trial(9, 0.9, 0.0, kind="reference", name="linear"))
    study = load(write_folder(tmp_path / "s", rows))
    info = threshold_info(study, classify(study), np.random.default_rng(0))
    assert (info.rho.value, info.rho.n) == (pytest.approx(1.0), 5)
    assert set(info.by_schedule) == {"linear"}
    least = info.least_ratio(0.8)
    assert least is not None
    assert (least.number, least.ratio) == (3, pytest.approx(0.4))
    assert info.least_ratio(0.95) is None


def test_crossings_of_known_shapes() -> None:
    """Linear passes every level at itself; sine passes half at one half; a step passes all at its step."""
    assert crossing(tuple(GRID), 0.3) == pytest.approx(0.3)
    assert crossing(tuple((1 - np.cos(np.pi * GRID)) / 2), 0.5) == pytest.approx(0.5)
    assert crossing((0.0, 0.0, 1.0), 0.5) == pytest.approx(0.75)
    assert crossing((1.0, 1.0), 0.5) == 0.0
    assert crossing((0.0, 0.4), 0.5) == 1.0


def test_shapes_info_keeps_one_of_equal_references(tmp_path: Path) -> None:
    """Reference arms with one shape and several D are drawn once."""
    study = load(write_study(tmp_path / "s"))
    outcome = classify(study)
    info = shapes_info(study, outcome)
    assert [shape.name for shape in info.references] == ["linear", "sine", "slats"]
    assert [shape.number for shape in info.front] == outcome.front["number"].tolist()


def test_curves_info_measures_the_late_loss(tmp_path: Path) -> None:
    """Best accuracy minus last accuracy, and where the best was."""
    rows = [
        {"number": 0, "epoch": i + 1, "progress": (i + 1) / 4, "accuracy_val": value, "threshold": 0.1 * i}
        for i, value in enumerate((0.5, 0.9, None, 0.7))
    ]
    study = load(write_folder(tmp_path / "s", [trial(0, 0.7, 0.9)], rows))
    info = curves_info(study, classify(study), Runs.of(study.epochs))
    assert info.curves[0].drop == pytest.approx(0.2)
    assert info.curves[0].best_at == 0.5
    assert [name for name, _, _ in info.panels] == ["accuracy_val", "threshold"]


def test_styles_are_stable_and_distinct() -> None:
    """Known names by any spelling; strangers differ from each other and do not depend on order."""
    names = ["S-LATS", "slats", "linear", *[f"stranger {i}" for i in range(10)]]
    first, second = styles(names), styles(reversed(names))
    assert first == second
    assert first["S-LATS"] == first["slats"]
    strangers = [(style.color, style.symbol) for name, style in first.items() if name.startswith("stranger")]
    assert len(set(strangers)) == 10
