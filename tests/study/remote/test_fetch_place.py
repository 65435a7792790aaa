"""The folder that a fetch fills: ended at any moment it goes on, kept from a driver, marked as a copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from study import launch
from study.remote import agent, commands, manifest, place
from study.remote.away import There
from study.store import held
from tests.study.remote.test_agent import ask
from tests.study.remote.test_fetch import bring, files
from tests.study.remote.test_fetch import once as once
from tests.study.remote.test_fetch import there as there
from trainables.errors import ConfigError

Move = tuple[Path, Path]


class EndedError(BaseException):
    """As Ctrl-C or a kill: nothing handles it on its way."""


class Moves:
    """The real moves of a fetch; the one of number ``at`` ends it, ``after`` it is done or before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real = place._move
        self.at, self.after, self.done = -1, False, 0
        monkeypatch.setattr(place, "_move", self)

    def __call__(self, source: Path, target: Path) -> None:
        if self.done == self.at and not self.after:
            raise EndedError
        self.real(source, target)
        self.done += 1
        if self.done == self.at + 1 and self.after:
            raise EndedError

    def end(self, at: int, *, after: bool) -> None:
        self.at, self.after, self.done = at, after, 0


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Moves:
    return Moves(monkeypatch)


def say(folder: Path, **entries: Any) -> None:
    """Other entries of study.json."""
    study = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(study | entries))


def grown(folder: Path) -> None:
    """The study has gone on there."""
    for log in ("asked", "trials", "epochs"):
        with (folder / f"{log}.jsonl").open("a") as file:
            file.write('{"number": 7}\n')
    (folder / "report.html").write_text("new")
    say(folder, timings={})


@pytest.mark.parametrize("after", [False, True])
def test_a_new_study_is_all_there_or_not_at_all(
    after: bool, there: Path, tmp_path: Path, moves: Moves
) -> None:
    moves.end(0, after=after)
    with pytest.raises(EndedError):
        bring(there, tmp_path / "home")
    assert (tmp_path / "home" / "made").exists() == after
    moves.end(-1, after=False)
    home = bring(there, tmp_path / "home")
    assert moves.done == (0 if after else 1)
    assert files(home) == files(there)
    assert [path.name for path in home.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("state", ["complete", "running"])
def test_ended_at_any_move_it_goes_on(
    state: str, after: bool, there: Path, tmp_path: Path, moves: Moves
) -> None:
    say(there, state=state)
    bring(there, tmp_path / "first")
    grown(there)
    for at in range(5):
        home = tmp_path / f"home-{at}"
        shutil.copytree(tmp_path / "first", home)
        moves.end(at, after=after)
        with pytest.raises(EndedError):
            bring(there, home)
        study = (home / "made" / "study.json").read_bytes()
        last = at == 4 and after  # what it calls ended is in the logs: it comes when they are there
        assert study == ((there if last else tmp_path / "first" / "made") / "study.json").read_bytes()
        moves.end(-1, after=False)
        assert files(bring(there, home)) == files(there)
        assert [path.name for path in home.iterdir()] == ["made"]
        assert (home / "made" / ".fetched").exists() == (state == "running")


def test_a_folder_half_filled_without_its_study_goes_on(there: Path, tmp_path: Path) -> None:
    """As an earlier version left it, which moved the files of a new study one by one."""
    bring(there, tmp_path / "home")
    told = manifest.manifest(agent.answers, "made", [str(there.parent)], {})
    home = tmp_path / "home" / "made"
    scratch = home.with_name(f".made-{told.origin}.fetch")
    scratch.mkdir()
    for name in ("study.json", "trials.jsonl"):
        (home / name).rename(scratch / name)
    assert files(bring(there, tmp_path / "home")) == files(there)
    assert [path.name for path in home.parent.iterdir()] == ["made"]
    (home / "study.json").unlink()  # and with no scratch folder: whose is it?
    with pytest.raises(ConfigError, match="holds another study"):
        bring(there, tmp_path / "home")


def test_what_is_no_more_there_does_not_come_along(there: Path, tmp_path: Path, moves: Moves) -> None:
    (there / "checkpoints").mkdir(exist_ok=True)
    (there / "checkpoints" / "trial-0001.pt").write_bytes(b"state")
    moves.end(0, after=False)
    with pytest.raises(EndedError):
        bring(there, tmp_path / "home")
    (there / "checkpoints" / "trial-0001.pt").unlink()
    moves.end(-1, after=False)
    home = bring(there, tmp_path / "home")
    assert files(home) == files(there)


def test_a_folder_in_use_is_not_touched(there: Path, tmp_path: Path) -> None:
    """Neither the study's, which a driver may have, nor the scratch folder of another fetch."""
    in_use = r"is in use by process \d+ on .*; wait for it, or choose another place \(--output FOLDER\)"
    told = manifest.manifest(agent.answers, "made", [str(there.parent)], {})
    with held(tmp_path / "home" / f".made-{told.origin}.fetch"), pytest.raises(ConfigError, match=in_use):
        bring(there, tmp_path / "home")
    home = bring(there, tmp_path / "home")
    grown(there)
    before = files(home)
    with held(home), pytest.raises(ConfigError, match=in_use):
        bring(there, tmp_path / "home")
    assert files(home) == before
    assert files(bring(there, tmp_path / "home")) == files(there)


def test_nobody_elses_folder_gets_a_lock(there: Path, tmp_path: Path) -> None:
    mine = tmp_path / "home" / "made"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds another study"):
        bring(there, tmp_path / "home")
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    (mine / "thesis.txt").unlink()
    assert files(bring(there, tmp_path / "home")) == files(there)  # an empty one is anybody's


@pytest.mark.parametrize("name", [".lock", ".fetched"])
def test_a_link_where_we_would_write_is_refused(name: str, there: Path, tmp_path: Path) -> None:
    home = bring(there, tmp_path / "home")
    (home / name).unlink(missing_ok=True)
    (home / name).symlink_to(tmp_path / "mine")
    (tmp_path / "mine").write_text("mine")
    say(there, state="running")
    with pytest.raises(ConfigError, match=f"{name} is a link; remove it"):
        bring(there, tmp_path / "home")
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_databases_old_journal_goes_with_it(there: Path, tmp_path: Path) -> None:
    home = bring(there, tmp_path / "home")
    (home / "optuna.db-journal").write_text("of the old one")
    (there / "optuna.db").write_bytes(b"new")
    bring(there, tmp_path / "home")
    assert (home / "optuna.db").read_bytes() == b"new"
    assert not (home / "optuna.db-journal").exists()


def test_a_copy_of_a_running_study_is_one(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed and followed as a copy, and nobody goes on with it unawares, until it has ended."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    say(there, state="running")
    output = str(tmp_path / "home")
    with held(there):
        home = bring(there, tmp_path / "home")
    told = json.loads((home / ".fetched").read_text())
    assert told["from"].endswith(f":{there}")
    (frame,) = ask(home, "list")
    assert frame["state"] == f"copy (running at {told['at']})"
    assert launch.main(["--list", "--output", output]) == 0
    assert f"made   copy (running at {told['at']})  7/7 " in capsys.readouterr().out
    assert launch.main(["--follow", "made", "--output", output]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"made: a {frame['state']}; to see how it goes on, fetch it again"
    before = files(home)
    assert launch.main(["--resume", "made", "--output", output]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{home} is a copy of a study that was running in {told['from']} when --fetch brought it" in line
    assert f"remove {home / '.fetched'} to go on" in line
    assert files(home) == before

    (home / ".fetched").write_text("[")  # damaged: it is there
    assert ask(home, "list")[0]["state"] == "copy (unknown at unknown)"
    say(there, state="complete")
    bring(there, tmp_path / "home")
    assert not (home / ".fetched").exists()
    assert ask(home, "list")[0]["state"] == "complete"


def test_the_study_itself_is_no_copy(there: Path) -> None:
    """On a disk that both see, a fetch finds all of it in its place."""
    say(there, state="running")
    bring(there, there.parent)
    assert not (there / ".fetched").exists()
    assert ask(there, "list")[0]["state"] == "killed"


def test_the_command_says_what_it_left(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / ".nfs000000000a3c").write_text("x")
    console = Console(width=200)
    roots = [str(there.parent)]
    asked = There(agent.answers, "", str(there.parent))
    assert commands._fetch(asked, "made", roots, tmp_path / "home", console) == 0
    left = "not fetched, their names are none of a study's files: '.nfs000000000a3c'\n"
    assert left in capsys.readouterr().out
