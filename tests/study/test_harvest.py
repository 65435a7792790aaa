"""The networks that are kept: of the epoch that the trial's line tells of, or none, and that is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import harvest, storage
from study.record import Recorder
from tests.study.made import make, opened
from trainables.train import Training

SPEC = make(
    1,
    train={"network": "mlp", "threads": 1},
    search={"accuracy_floor": 0.0},
    space={"schedulers": ["linear"]},
)
STALE = 0  # the dense arm: its last save failed


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Recorder]:
    """A study whose trials were really trained, two epochs each; one state is an epoch old."""
    with opened(SPEC, tmp_path / "made") as recorder:
        while (suggestion := recorder.next()) is not None:
            run = Training(suggestion.config, end_silent=False)
            for row in run:
                if suggestion.number != STALE or run.epoch == 1:
                    location = recorder.store.checkpoint(suggestion.number)
                    storage.write(location, storage.packed(run.state_dict()))
                recorder.row(suggestion.number, row)
            recorder.end(suggestion.number)
        assert recorder.finished
        yield recorder


def test_a_state_of_an_earlier_epoch_is_not_baked_but_named(books: Recorder) -> None:
    assert harvest.front(books) == "no network kept for #0 (the state holds epoch 1 of 2)"
    index = json.loads((books.store.models / "index.json").read_text())["trials"]
    assert [entry["number"] for entry in index] == [line["number"] for line in books.outcome.front] != []
    assert {path.name for path in books.store.models.glob("*.pt")} == {entry["file"] for entry in index}


def test_a_network_that_was_kept_stays_where_its_state_is_gone(books: Recorder) -> None:
    """As where a study goes on without the storage in which its states lay."""
    harvest.front(books)
    models = books.store.models
    before = {path.name: path.read_bytes() for path in models.iterdir()}
    for name in storage.names(books.store.checkpoints):
        Path(books.store.checkpoints, name).unlink()
    said = harvest.front(books)
    assert said is not None
    assert re.findall(r"#\d+", said) == ["#0"]  # it had none before either
    assert {path.name: path.read_bytes() for path in models.iterdir()} == before
    one = next(models.glob("*.pt"))
    one.unlink()
    said = harvest.front(books)
    assert said is not None
    assert f"#{int(one.stem[-4:])} (" in said


def test_a_state_that_is_there_again_is_swept_away(books: Recorder) -> None:
    """Of a trial off the front: its process was writing when the trial ended."""
    (number,) = [line["number"] for line in books.ended if line["kind"] == "search"]
    whole = sorted(storage.names(books.store.checkpoints))
    books.sweep()
    assert sorted(storage.names(books.store.checkpoints)) == whole
    books.ended[number]["state"] = "PRUNED"
    books.sweep()
    assert sorted(storage.names(books.store.checkpoints)) == [f"trial-{n:04d}.pt" for n in range(4)]
