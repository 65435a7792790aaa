"""The tables that readers take away: complete, exact, and cut by whole trials where they are large."""

from __future__ import annotations

import gzip
import io
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.downloads import Download, downloads
from analysis.outcome import Outcome, classify
from analysis.results import Study, load
from tests.analysis.folder import trial, write_folder, write_study


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Outcome]:
    """The made-up study, read and classified."""
    study = load(write_study(tmp_path_factory.mktemp("downloads") / "s"))
    return study, classify(study)


def frame(download: Download) -> pd.DataFrame:
    """What a reader of the Parquet file gets."""
    content = gzip.decompress(b64decode(download.packed))
    assert content == download.file.content
    return pd.read_parquet(io.BytesIO(content))


def test_every_row_and_number_is_there(made: tuple[Study, Outcome]) -> None:
    """As read from the folder, bit for bit; outcome and test accuracy come with the trials."""
    study, outcome = made
    trials, epochs = (frame(download) for download in downloads(study, outcome))
    assert trials["number"].tolist() == study.trials["number"].tolist()
    assert trials["outcome"].tolist() == outcome.trials["outcome"].tolist()
    tests = study.models.set_index("number")["accuracy_test"]
    known = trials.set_index("number")["accuracy_test"].dropna()
    assert known.to_dict() == tests.dropna().to_dict()
    for name in ("accuracy_val", "sparsity_params", "threshold"):
        np.testing.assert_array_equal(epochs[name].to_numpy(), study.epochs[name].to_numpy())
    assert len(epochs) == len(study.epochs)


def test_a_large_table_loses_whole_trials_and_says_which(made: tuple[Study, Outcome]) -> None:
    """Front, reference arms and confirming runs stay; the others follow by number; the limit holds."""
    study, outcome = made
    whole = downloads(study, outcome)[1]
    limit = len(whole.packed) * 2 // 3
    part = downloads(study, outcome, limit)[1]
    assert len(part.packed) <= limit
    kept = set(frame(part)["number"])
    first = set(outcome.of("front", "reference", "confirmed")["number"])
    others = sorted(set(study.trials["number"]) - first)
    assert first < kept
    assert kept - first == set(others[: len(kept) - len(first)])
    assert frame(part).groupby("number").size().to_dict() == {
        number: size
        for number, size in study.epochs.groupby("number").size().to_dict().items()
        if number in kept
    }
    left = len(study.trials) - len(kept)
    assert f"{left} are left out" in part.told
    assert "epochs.jsonl" in part.told
    assert "left out" not in whole.told


def test_a_limit_that_nothing_meets_leaves_one_trial(made: tuple[Study, Outcome]) -> None:
    """The smallest table is that of the first trial, never an empty one."""
    assert {len(set(frame(download)["number"])) for download in downloads(*made, limit=1)} == {1}


def test_a_study_without_epochs_has_one_table(tmp_path: Path) -> None:
    """A table without rows is none."""
    study = load(write_folder(tmp_path / "s", [trial(0, 0.9, 0.9)]))
    assert [download.key for download in downloads(study, classify(study))] == ["trials"]
