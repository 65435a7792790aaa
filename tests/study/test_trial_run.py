"""What a process does with the states of its trials: the class that Tune runs, without Tune."""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from study import storage
from study.failing import UnreadableError
from study.tuning import TrialRun
from tests.study.s3 import S3
from trainables.config import TrainConfig

TRAIN = TrainConfig(epochs=6, threads=1, network="mlp").model_dump(mode="json")


def given(location: Path | str, filed: int = 0, **changes: Any) -> dict[str, Any]:
    place = {"gpus": 0, "checkpoint": str(location), "filed": filed}
    return {"number": 1, "train": TRAIN | changes, **place}


def until(condition: Callable[[], object]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened for a minute")


def trained(place: Path, epochs: int) -> Path:
    """A state after so many epochs, by a process that was interrupted."""
    path = place / "trial-0001.pt"
    run = TrialRun(given(path))
    for _ in range(epochs):
        run.step()
    run.cleanup()
    assert storage.load(str(path))["epoch"] == epochs
    return path


def test_a_process_goes_on_after_the_epoch_of_the_one_before(tmp_path: Path) -> None:
    path = trained(tmp_path, 2)
    assert TrialRun(given(path, filed=2)).step()["epoch"] == 3


def test_rows_from_the_state_are_told_from_those_that_are_trained(tmp_path: Path) -> None:
    path = trained(tmp_path, 3)
    run = TrialRun(given(path, filed=1))
    found = [run.step() for _ in range(3)]
    assert [(row["epoch"], row["sent_again"]) for row in found] == [(2, True), (3, True), (4, False)]


def test_a_state_whose_rows_are_mappings_goes_on(tmp_path: Path) -> None:
    """As they were written before rows were text."""
    path = trained(tmp_path, 3)
    state = storage.load(str(path))
    state["rows"] = [json.loads(row) for row in state["rows"]]
    storage.write(str(path), storage.packed(state))
    run = TrialRun(given(path, filed=2))
    assert [(row["epoch"], row["sent_again"]) for row in (run.step(), run.step())] == [(3, True), (4, False)]


def test_a_state_that_cannot_be_read_is_neither_forgotten_nor_written_over(tmp_path: Path) -> None:
    """A folder in its place: the kernel refuses to read it, for root as well."""
    path = trained(tmp_path, 2)
    path.rename(tmp_path / "kept")
    path.mkdir()
    run = TrialRun(given(path, filed=2))
    with pytest.raises(UnreadableError, match="directory"):
        run.step()
    run.cleanup()
    assert list(path.iterdir()) == []
    path.rmdir()
    (tmp_path / "kept").rename(path)
    assert TrialRun(given(path, filed=2)).step()["epoch"] == 3


def test_a_full_temporary_folder_is_nothing_to_a_state_in_a_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trained(tmp_path, 2)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with S3() as server:
        location = storage.join(server.url, path.name)
        storage.write(location, path.read_bytes())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        assert TrialRun(given(location, filed=2)).step()["epoch"] == 3


@pytest.mark.parametrize("damage", ["torn", "of another training", "none"])
def test_what_is_damaged_or_missing_starts_anew(damage: str, tmp_path: Path) -> None:
    path = trained(tmp_path, 2)
    changes = {"lr": 0.5} if damage == "of another training" else {}
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:1000])
    if damage == "none":
        path.unlink()
    run = TrialRun(given(path, **changes))
    assert run.step()["epoch"] == 1
    run.cleanup()
    assert storage.load(str(path))["epoch"] == 1


@pytest.mark.parametrize("room_mib", [50, 150])
def test_no_memory_to_read_a_state_is_no_damage(room_mib: int, tmp_path: Path) -> None:
    """A state of 100 MB: no room for its bytes, or for these, but not for its tensors."""
    path = trained(tmp_path, 1)
    ballast = {"ballast": torch.zeros(25_000_000)}
    storage.write(str(path), storage.packed(storage.load(str(path)) | ballast))
    size = path.stat().st_size
    run = TrialRun(given(path, filed=1))
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + room_mib * 2**20, before[1]))
    try:
        with pytest.raises(MemoryError):
            run.step()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    run.cleanup()
    assert path.stat().st_size == size
    assert run.step()["epoch"] == 2


def test_a_slow_place_has_the_newest_epoch_nonetheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing takes longer than an epoch: no more than the one under way is lost with the process."""
    write = storage.write

    def slowly(location: str, data: bytes | memoryview) -> None:
        time.sleep(1.0)
        write(location, data)

    monkeypatch.setattr(storage, "write", slowly)
    path = tmp_path / "trial-0001.pt"
    run = TrialRun(given(path))
    for _ in range(5):
        run.step()
    until(lambda: path.exists() and storage.load(str(path))["epoch"] == 5)
    run.cleanup()


def test_a_disk_that_refuses_ends_no_trial_and_has_the_state_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "trial-0001.pt"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    run = TrialRun(given(path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        assert [run.step()["epoch"] for _ in range(3)] == [1, 2, 3]
        assert not run._saver.flush()
        assert not path.exists()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    run.cleanup()
    assert storage.load(str(path))["epoch"] == 3


def test_the_last_epoch_is_written_before_its_row_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "trial-0001.pt"
    run = TrialRun(given(path, epochs=1))
    assert run.step()["done"]
    assert storage.load(str(path))["epoch"] == 1


def test_the_next_trial_finds_its_own_place_alone(tmp_path: Path) -> None:
    """Stopped while its state could not be written; the process goes on with another trial."""
    first, second = tmp_path / "first" / "trial-0001.pt", tmp_path / "trial-0002.pt"
    first.parent.mkdir()
    run = TrialRun(given(first))
    run.step()
    saver = run._saver
    assert saver.flush()
    shutil.rmtree(first.parent)  # a mount that goes away
    run.step()
    assert not saver.flush()
    assert run.reset_config(given(second))
    run.config = given(second)  # as Tune does
    first.parent.mkdir()
    row = run.step()
    run.cleanup()
    assert row["epoch"] == 1
    assert saver._thread is not None
    saver._thread.join(60)
    assert not saver._thread.is_alive()
    assert list(first.parent.iterdir()) == []
    assert [path.name for path in tmp_path.glob("*.pt")] == ["trial-0002.pt"]
