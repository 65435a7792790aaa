"""The copy of a study in the shared storage: whatever a lost head has left of it goes on to the same end."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from study import mirror, storage
from study.claim import Claim
from study.mirror import Mirror, fetch, newer, relation
from study.record import Recorder
from study.spec import StudySpec
from study.store import Store
from tests.study.made import make, opened, outcome, run_out, train
from trainables.errors import ConfigError

SPEC = make(3, epochs=2, search={"confirm": 1, "confirm_at_most": 2})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the study finds when nothing happens to it."""
    folder = tmp_path_factory.mktemp("whole")
    with opened(SPEC, folder) as books:
        run_out(books)
    return outcome(folder)


@contextmanager
def mirrored(spec: StudySpec, folder: Path, place: Path) -> Iterator[tuple[Recorder, Mirror]]:
    """Books with a copy that is carried when the test says so, not by the clock; states lie in the copy."""
    (place / "checkpoints").mkdir(parents=True, exist_ok=True)
    (place / "models").mkdir(exist_ok=True)
    claim = Claim(str(place), 600.0)
    copy = Mirror(folder, claim, tell=print)

    def arrange(store: Store) -> None:
        store.checkpoints = str(place / "checkpoints")
        store.remove = copy.discard

    with claim, opened(spec, folder, arrange) as books:
        if not books.store.study:
            books.store.update(name=spec.name, state="running")
        yield books, copy


class Lost(BaseException):
    """The head, at this moment."""


def test_a_head_that_is_lost_at_any_write_leaves_a_study(whole: dict[str, Any], tmp_path: Path) -> None:
    """Every single write to the storage is the last one once; a new head always comes to the same end."""
    writes = 0
    while True:
        folder, place = tmp_path / f"head-{writes}", tmp_path / f"place-{writes}"
        left, done = writes, False

        def write(location: str, data: bytes, sound: Any = storage.write) -> None:
            nonlocal left
            if left == 0:
                raise Lost
            left -= 1
            sound(location, data)

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Lost):
            patch.setattr(mirror.storage, "write", write)
            with mirrored(SPEC, folder, place) as (books, copy):
                while (suggestion := books.next()) is not None:
                    copy.carry()
                    train(books, suggestion)
                    copy.carry()
                copy.carry(whole=True)
                done = True
        shutil.rmtree(folder, ignore_errors=True)  # lost with its claim, it has none yet
        if (place / "study.json").exists():
            fetch(tmp_path / f"new-{writes}", str(place))
        with opened(SPEC, tmp_path / f"new-{writes}") as books:
            before = [line["number"] for line in books.ended]
            run_out(books)
            assert books.finished
            assert [line["number"] for line in books.ended][: len(before)] == before
        assert outcome(tmp_path / f"new-{writes}") == whole
        if done:
            break
        writes += 13  # a file of each kind comes last once
    assert writes > 30


def test_a_state_is_kept_until_the_end_of_its_trial_has_arrived(tmp_path: Path) -> None:
    with mirrored(SPEC, tmp_path / "head", tmp_path / "place") as (books, copy):
        states = []
        while (suggestion := books.next()) is not None:
            file = Path(books.store.checkpoint(suggestion.number))
            file.write_bytes(b"state")
            states.append(file)
            train(books, suggestion)
            assert all(state.exists() for state in states)
        copy.carry()
        left = {int(state.stem[-4:]) for state in states if state.exists()}
        wanted = {line["number"] for line in books.ended if line["kind"] != "search"}
        assert left == wanted | {line["number"] for line in books.outcome.front}
        assert len(left) < len(states)


def test_storage_that_is_gone_stops_no_study_and_loses_nothing(tmp_path: Path) -> None:
    """The real thread: the copy's folder vanishes in the middle, as an unmounted one does, and comes back."""
    told: list[str] = []
    folder, place = tmp_path / "head", tmp_path / "place"
    (place / "models").mkdir(parents=True)
    with Claim(str(place), 0.05) as claim, Mirror(folder, claim, told.append) as copy:
        with opened(SPEC, folder) as books:
            books.store.update(name="made")
            books.store.changed = copy.changed
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
            place.rename(tmp_path / "away")
            while not told:
                time.sleep(0.01)
            run_out(books)
        (tmp_path / "away").rename(place)
        assert copy.finish()
        assert claim.taken is None
    assert sum("does not answer" in line for line in told) == 1
    assert told[0].startswith(f"{place} does not answer ({place} is not there); the study goes on, its books")
    for name in (*mirror.LOGS, "study.json"):
        assert (place / name).read_bytes() == (folder / name).read_bytes()
    fetch(tmp_path / "new", str(place))
    assert outcome(tmp_path / "new") == outcome(folder)


def test_storage_that_stays_away_is_said(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    told: list[str] = []
    with (
        opened(SPEC, tmp_path / "head") as books,
        Claim(str(tmp_path / "place")) as claim,
        Mirror(tmp_path / "head", claim, told.append) as copy,
    ):
        run_out(books)
        shutil.rmtree(tmp_path / "place")
        assert not copy.finish(0.0)
        assert copy.problem == f"{tmp_path / 'place'} is not there"


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (b"", b"", "same"),
        (b"a\nb\n", b"a\nb\n", "same"),
        (b"a\nb\nhal", b"a\nb\n", "same"),  # a torn line is none
        (b"a\nb\n", b"a\n", "ahead"),
        (b"a\n", b"", "ahead"),
        (b"a\n", b"a\nb\n", "behind"),
        (b"a\nc\n", b"a\nb\n", "apart"),
        (b"a\nc\n", b"a\nb\nd\n", "apart"),
    ],
)
def test_relation(here: bytes, there: bytes, expected: str) -> None:
    assert relation(here, there) == expected


def test_which_of_two_goes_on(tmp_path: Path) -> None:
    """A head that comes back takes what another one did meanwhile; two that went on apart are refused."""
    here, there = tmp_path / "here", tmp_path / "there"
    with mirrored(SPEC, here, there) as (books, copy):
        suggestion = books.next()
        assert suggestion is not None
        train(books, suggestion)
        copy.carry()
        assert not newer(here, str(there))
        (before := tmp_path / "before").mkdir()
        shutil.copytree(here, before, dirs_exist_ok=True)
        run_out(books)
        assert not newer(here, str(there))
        copy.carry()
        assert newer(before, str(there))
        assert newer(tmp_path / "nothing", str(there))
    with opened(make(3, epochs=2, train={"seed": 5}), before) as books:
        run_out(books)
    with pytest.raises(
        ConfigError, match="hold two continuations of one study; nearest valid: decide for one"
    ):
        newer(before, str(there))


def test_a_hostile_storage_cannot_write_outside(tmp_path: Path) -> None:
    """Only names that a study has are fetched, into the study folder alone."""
    place = tmp_path / "place"
    (place / "models").mkdir(parents=True)
    (place / "models" / "trial-0001.pt").write_bytes(b"weights")
    (place / "models" / "run.sh").write_bytes(b"no")
    (place / ".lock").write_bytes(b"no")
    (place / "study.json").write_text(json.dumps({"name": "../../evil"}))
    fetch(tmp_path / "folder", str(place))
    found = {str(path.relative_to(tmp_path / "folder")) for path in (tmp_path / "folder").rglob("*")}
    assert found == {"study.json", "models", "models/trial-0001.pt"}
