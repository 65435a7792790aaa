"""Reading study folders: what is repaired, what is told, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.records import StudyError
from analysis.results import load
from tests.analysis.folder import trial, write_folder, write_study


def test_frames_of_a_study(tmp_path: Path) -> None:
    """Rows, columns and derived values of the made-up study."""
    study = load(write_study(tmp_path / "s"))
    assert (len(study.trials), len(study.epochs)) == (34, 32 * 30 + 2 * 3)
    assert study.notices == ()
    dense = study.trials.iloc[0]
    assert (dense["scheduler"], dense["shape"]) == ("dense", None)
    assert np.isnan(dense["threshold_ratio"])
    assert study.trials["threshold_ratio"].iloc[2] == pytest.approx(0.35)
    assert (study.accuracy, study.sparsity, study.samples("val")) == ("accuracy_val", "sparsity_params", 270)
    assert study.label("accuracy_val") == "Validation accuracy"
    assert study.reference == (0.1, 0.0)


@pytest.mark.parametrize("name", ["trials", "epochs"])
@pytest.mark.parametrize(
    "tail", [b'{"number": 5, "ep', b'{"number": 1, "epoch": 99}', b"\xff\xfe\n", b"{]\n"]
)
def test_torn_last_line_is_dropped_and_told(tmp_path: Path, name: str, tail: bytes) -> None:
    """No newline at its end, or not parseable: exactly that line goes."""
    folder = write_study(tmp_path / "s", trials=3)
    before = load(folder)
    with (folder / f"{name}.jsonl").open("ab") as file:
        file.write(tail)
    after = load(folder)
    assert (len(after.trials), len(after.epochs)) == (len(before.trials), len(before.epochs))
    assert len(after.notices) == 1
    assert f"{name}.jsonl was torn" in after.notices[0]


@pytest.mark.parametrize("name", ["trials", "epochs"])
@pytest.mark.parametrize("line", ["{]", "3", "", '{"number": "1"}'])
def test_bad_middle_line_is_refused(tmp_path: Path, name: str, line: str) -> None:
    """The message names file and line number."""
    folder = write_study(tmp_path / "s", trials=3)
    file = folder / f"{name}.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")
    with pytest.raises(StudyError, match=rf"{name}\.jsonl, line 3,"):
        load(folder)


def test_later_epoch_row_wins(tmp_path: Path) -> None:
    """A restarted trial writes some epochs again."""
    rows = [
        {"number": 0, "epoch": epoch, "accuracy_val": value}
        for epoch, value in ((1, 0.1), (2, 0.2), (1, 0.9))
    ]
    study = load(write_folder(tmp_path / "s", [trial(0, 0.9, 0.5)], rows))
    assert study.epochs["accuracy_val"].tolist() == [0.9, 0.2]
    assert study.notices == ()


def test_later_trial_line_wins_and_is_told(tmp_path: Path) -> None:
    """The same trial number twice is unusual enough for a notice."""
    study = load(write_folder(tmp_path / "s", [trial(0, 0.1, 0.1), trial(1, 0.5, 0.5), trial(0, 0.9, 0.9)]))
    assert study.trials["accuracy_val"].tolist() == [0.9, 0.5]
    assert "twice" in study.notices[0]


def test_what_is_no_finite_number_is_unknown(tmp_path: Path) -> None:
    """Nulls, strings and overflowing literals become NaN, never infinity."""
    rows = [trial(i, 0.5, 0.5, metrics={"loss_val": value}) for i, value in enumerate((None, "x", 1.5))]
    folder = write_folder(tmp_path / "s", rows)
    file = folder / "trials.jsonl"
    file.write_text(file.read_text() + json.dumps(trial(3, 0.5, 0.5)).replace("0.5", "1e999") + "\n")
    trials = load(folder).trials
    assert np.isnan(trials["loss_val"][:2]).all()
    assert np.isnan(trials["accuracy_val"][3])


def test_missing_epochs_and_damaged_index_are_told(tmp_path: Path) -> None:
    """Both only cost a part of the report."""
    folder = write_study(tmp_path / "s", trials=2)
    (folder / "epochs.jsonl").unlink()
    (folder / "models" / "index.json").write_text("[]")
    study = load(folder)
    assert study.epochs.empty
    assert study.models.empty
    assert len(study.notices) == 2


def test_metrics_that_are_lists_are_no_columns(tmp_path: Path) -> None:
    """Layers, nodes and chips of the last epoch, by trial; under such a name, a number is dropped."""
    metrics = {"layer_synapses": [3, None], "node_firing_rate": [0.5], "chips": ["Loihi"], "fan_in": 3}
    rows = [trial(0, 0.9, 0.5, metrics=metrics), trial(1, 0.9, 0.5, metrics={"layer_synapses": 7})]
    epochs = [{"number": 0, "epoch": 1, "layer_synapses": [9, 9], "chips": ["Loihi"], "fan_in": 9}]
    study = load(write_folder(tmp_path / "s", [*rows, trial(2, None, None)], epochs))
    assert study.lists[0] == {name: metrics[name] for name in ("layer_synapses", "node_firing_rate", "chips")}
    assert (study.lists[1], study.lists[2]) == ({}, {})
    for frame in (study.trials, study.epochs):
        assert "fan_in" in frame
        assert not {"layer_synapses", "node_firing_rate", "chips"} & set(frame.columns)
