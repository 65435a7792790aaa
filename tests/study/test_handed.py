"""What Tune hands to a trial's process: the suggestion, and where it runs, which no book knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.nodes.room import Room
from study.resources import Share
from study.tuning import _Searcher
from tests.study.made import lines, make, opened


@pytest.mark.parametrize(
    ("asked", "gpus", "device"), [("auto", 0, "cpu"), ("auto", 0.5, "auto"), ("cpu", 0, "cpu")]
)
def test_where_a_trial_runs_is_told_to_it_and_not_filed(
    asked: str, gpus: float, device: str, tmp_path: Path
) -> None:
    share = Share(slots=1, cpus=3, gpus=gpus, memory_mib=0, why="")
    with opened(make(train={"device": asked}), tmp_path) as books:
        handed = _Searcher(books, share, Room(1, lambda: 1)).suggest("a")
    assert isinstance(handed, dict)
    assert handed["train"] | {"device": asked, "threads": 0} == lines(tmp_path, "asked")[0]["config"]
    assert (handed["train"]["device"], handed["train"]["threads"], handed["gpus"]) == (device, 3, gpus)
