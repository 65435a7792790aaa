"""Two launches and one storage: whoever goes on with a study does so from all that was filed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from study import identity, launch
from study.claim import Claim
from study.mirror import LOGS
from study.record import Recorder
from study.shared import Shared, further, unused
from study.space import space_hash
from study.spec import StudySpec
from study.store import Store, held
from tests.study.made import lines, make, opened, outcome, run_out, train
from tests.study.test_claim import BEAT_S, sign, until
from trainables.errors import ConfigError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    Path("storage").mkdir()


PLACE = Path("storage/made")


def on(head: str) -> StudySpec:
    """The study as a machine with a disk of its own runs it."""
    return make(2, search={"startup": 2}, resources={"output": head, "storage": "storage"})


@contextmanager
def launched(spec: StudySpec) -> Iterator[tuple[Shared, Recorder]]:
    """A launch without Ray, put together as ``study.conduct`` does."""
    with ExitStack() as stack:
        place = Shared(spec, stack, print)
        place.hold()
        place.bring()

        def arrange(store: Store) -> None:
            store.checkpoints = place.checkpoints() or ""
            place.attach(store)

        with opened(spec, spec.folder, arrange) as books:
            if not books.store.study:
                books.store.update(**described(spec))
            yield place, books


def described(spec: StudySpec, state: str = "running") -> dict[str, Any]:
    """study.json as far as ``--resume`` reads it."""
    stored = {"spec": spec.model_dump(mode="json"), "space_hash": space_hash(spec.space)}
    return stored | {"name": spec.name, "state": state, "code": identity.code()}


def filed(folder: Path) -> int:
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_second_head_is_refused_or_sees_everything() -> None:
    """The first has filed six trials when the second, which has three of them, is launched."""
    first, second = on("a"), on("b")
    with launched(first) as (place, books):
        for _ in range(3):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        until(lambda: filed(PLACE) == 3)
        shutil.copytree(PLACE, second.folder)  # the second head was the study's, until then
        run_out(books)
        assert filed(first.folder) == 6
        assert place.finish(complete=True) is None
        with pytest.raises(ConfigError, match="is in use by process"), launched(second):
            pass
        assert filed(second.folder) == 3
    assert filed(PLACE) == 6
    with launched(second) as (place, books):
        assert run_out(books) == []
        assert place.finish(complete=True) is None
    assert filed(PLACE) == 6
    assert outcome(second.folder) == outcome(first.folder)
    assert lines(PLACE, "trials") == lines(first.folder, "trials")


@pytest.fixture
def further_there() -> Path:
    """A study whose storage has six trials and whose folder here has three."""
    spec = on("a")
    for folder, trials in ((spec.folder, 3), (PLACE, 6)):
        folder.mkdir(parents=True)
        (folder / "study.json").write_text(json.dumps(described(spec)) + "\n")
        for name in LOGS:
            (folder / name).write_text("".join(f'{{"number": {number}}}\n' for number in range(trials)))
    return spec.folder


RESUME = ["--resume", "made", "--storage", "storage", "--output"]


class TestTheCommand:
    """``--resume`` while another driver lives: refused before anything is read, before Ray starts."""

    def test_takes_nothing_from_a_driver_that_lives(
        self, further_there: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = contents(further_there)
        with Claim(str(PLACE.absolute()), BEAT_S) as claim:
            assert launch.main([*RESUME, "a"]) == 2
            assert claim.taken is None
        out, err = capsys.readouterr()
        assert err.startswith(f"error: storage: {PLACE.absolute()} is in use by process ")
        assert out == ""
        assert contents(further_there) == before

    def test_leaves_no_folder_on_a_new_head(self, further_there: Path) -> None:
        with Claim(str(PLACE.absolute()), BEAT_S):
            assert launch.main([*RESUME, "new"]) == 2
        assert not Path("new").exists()

    def test_leaves_its_claim_to_a_driver_of_this_machine(
        self, further_there: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One whose beats do not arrive: the lock of its folder says that it lives."""
        Claim(str(PLACE.absolute()))._write()
        before = contents(PLACE)
        with held(further_there):
            assert launch.main([*RESUME, "a"]) == 2
        assert "study folder" in capsys.readouterr().err
        assert contents(PLACE) == before

    def test_judges_by_the_study_that_would_go_on(
        self, further_there: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Another head raised the budget; the folder here does not know of it."""
        spec = make(9, search={"startup": 2}, resources={"storage": "storage"})
        (PLACE / "study.json").write_text(json.dumps(described(spec)) + "\n")
        assert launch.main([*RESUME, "a", "--trials", "5"]) == 2
        assert "--trials: got 5, a budget can only grow; nearest valid: 9" in capsys.readouterr().err


class TestAfterARefusal:
    """Something else is wrong once the storage is held: no node sees it, or the study exists."""

    @pytest.mark.parametrize("storage", ["there", "not there"])
    def test_nothing_new_is_left_of_a_study_that_did_not_exist(self, storage: str) -> None:
        if storage == "there":
            PLACE.mkdir()
        with ExitStack() as stack:
            place = Shared(on("a"), stack, print)
            place.hold()
            unused(on("a"))
            place.checkpoints()
            assert (PLACE / "checkpoints").is_dir()
        assert list(Path("storage").rglob("*")) == [PLACE] * (storage == "there")
        assert not Path("a").exists()

    def test_one_that_did_is_let_go_as_it_was(self, further_there: Path) -> None:
        before = contents(PLACE)
        with ExitStack() as stack:
            Shared(on("b"), stack, print).hold()
            with pytest.raises(ConfigError, match="holds a study already; nearest valid: go on with it"):
                unused(on("b"))
        assert sign(PLACE)["over"]
        assert contents(PLACE) == before | {"driver.json": (PLACE / "driver.json").read_bytes()}


class TestAGlance:
    def test_the_storage_where_it_is_further(self, further_there: Path) -> None:
        there = (PLACE / "study.json").read_bytes()
        assert further(further_there, str(PLACE)) == there
        assert further(Path("nowhere"), str(PLACE)) == there
        assert further(PLACE, str(further_there)) is None
        assert further(PLACE, str(PLACE)) is None
        assert further(further_there, "") is None

    def test_no_answer(self, further_there: Path) -> None:
        assert further(further_there, "absent/made") is None
        with pytest.raises(ConfigError, match="cannot be used"):
            further(Path("nowhere"), "absent/made")

    def test_two_continuations_are_for_later(self, further_there: Path) -> None:
        (further_there / "trials.jsonl").write_text('{"number": 9}\n')
        assert further(further_there, str(PLACE)) is None
