"""Odd study folders, by accident or on purpose: one is one line, and the others are listed beside it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from study import launch
from study.remote import agent, follow
from tests.study.remote.test_agent import ask, finished
from trainables.errors import ConfigError

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    finished(root / "sound")
    shutil.copytree(root / "sound", root / "odd")
    return root


@pytest.fixture
def odd(studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that is complete, to be made odd, beside a sound one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    shutil.copytree(studies, tmp_path / "studies")
    return tmp_path / "studies" / "odd"


def entries(**changed: Any) -> Change:
    """Other entries of study.json."""

    def change(folder: Path) -> None:
        study = json.loads((folder / "study.json").read_text())
        (folder / "study.json").write_text(json.dumps(study | changed))

    return change


def budget(**changed: Any) -> Change:
    """Other entries of the stored spec's search."""

    def change(folder: Path) -> None:
        study = json.loads((folder / "study.json").read_text())
        study["spec"]["search"] |= changed
        (folder / "study.json").write_text(json.dumps(study))

    return change


def lines(log: str, drop: str = "", **changed: Any) -> Change:
    """Other entries of every line of a log, or one less."""

    def change(folder: Path) -> None:
        rows = [json.loads(row) | changed for row in (folder / log).read_text().splitlines()]
        for row in rows:
            row.pop(drop, None)
        (folder / log).write_text("".join(json.dumps(row) + "\n" for row in rows))

    return change


def instead(name: str, make: Change) -> Change:
    """Something else where a file was."""

    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def nested(name: str) -> Change:
    return lambda folder: (folder / name).write_text("[" * 700 + "]" * 700 + "\n")


def deep_entry(folder: Path) -> None:
    text = (folder / "study.json").read_text().rstrip().removesuffix("}")
    (folder / "study.json").write_text(text + ', "deep": ' + "[" * 700 + "]" * 700 + "}")


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 2**20)


LISTED = {
    "folder": (instead("study.json", Path.mkdir), "unreadable (study.json: no plain file)"),
    "pipe": (instead("study.json", os.mkfifo), "unreadable (study.json: no plain file)"),
    "zero": (instead("study.json", zero), "unreadable (study.json: a link, which is not followed)"),
    "large": (instead("study.json", large), "unreadable (study.json has more than 8 MiB)"),
    "pipe of trials": (instead("trials.jsonl", os.mkfifo), "unreadable (trials.jsonl: no plain file)"),
    "zeros of trials": (instead("trials.jsonl", zero), "unreadable (trials.jsonl: a link, which"),
    "large trials": (
        instead("trials.jsonl", large),
        "unreadable (trials.jsonl has a line of more than 8 MiB",
    ),
    "nested": (nested("study.json"), "damaged"),
    "nested entry": (deep_entry, "damaged"),
    "objectives": (entries(objectives=3), "unreadable (TypeError: "),
    "objective": (entries(objectives=[{}]), "unreadable (TypeError: "),
    "config": (lines("trials.jsonl", config=None), "unreadable (AttributeError: "),
    "metrics": (lines("trials.jsonl", metrics=7), "unreadable (AttributeError: "),
    "trials": (budget(trials=float("inf")), "unreadable (OverflowError: "),
    "planned": (entries(planned={"search": "x"}), "unreadable (ValueError: "),
    "state": (entries(state=["\x1b[2J\n\u202e"]), "['"),
    "classes": (entries(data={"classes": 0}), "unreadable (ZeroDivisionError: "),
}


@pytest.mark.parametrize("name", LISTED)
def test_a_list_has_a_line_for_it(name: str, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And whole lines for the others."""
    change, part = LISTED[name]
    change(odd)
    assert launch.main(["--list"]) == 0
    out, err = capsys.readouterr()
    _, first, second = out.splitlines()
    assert first.startswith("odd ")
    assert part in first
    assert "\x1b" not in out
    assert second.split()[:3] == ["sound", "complete", "7"]
    assert err == ""


def test_another_users_study_is_a_line(studies: Path) -> None:
    """Its study.json can't be read by us; so it is for root, which looks as nobody does."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        for name in ("closed", "shut", "sound"):
            shutil.copytree(studies / "sound", Path(root, name))
        Path(root, "closed", "study.json").chmod(0)
        Path(root, "shut").chmod(0)
        me = os.geteuid()
        if me == 0:
            os.seteuid(65534)
        try:
            frames = ask(Path(root, "sound"), "list")
        finally:
            os.seteuid(me)
            Path(root, "shut").chmod(0o755)
    states = {frame["name"]: frame["state"] for frame in frames}
    assert states == {"closed": "unreadable (study.json: Permission denied)", "sound": "complete"}


def test_what_a_fetch_has_begun_is_no_study(odd: Path) -> None:
    odd.rename(odd.with_name(".odd-0123456789ab.fetch"))
    assert [frame["name"] for frame in ask(odd, "list")] == ["sound"]


FOLLOWED = {
    "folder": (instead("study.json", Path.mkdir), "study.json: no plain file"),
    "pipe": (instead("asked.jsonl", os.mkfifo), "asked.jsonl: no plain file"),
    "zeros": (instead("epochs.jsonl", zero), "epochs.jsonl: a link, which is not followed"),
    "nested": (nested("study.json"), "study.json is damaged (KeyError: "),
    "objective": (entries(objectives=["accuracy_val"]), "its files cannot be read here (ValueError: "),
    "planned": (entries(planned={"search": "x"}), "study.json is damaged (ValueError: "),
    "confirm": (budget(confirm=float("inf")), "study.json is damaged (OverflowError: "),
    "ratio": (
        lines("trials.jsonl", drop="threshold_ratio"),
        "cannot be read here (KeyError: 'threshold_ratio",
    ),
    "times": (lines("trials.jsonl", ended_at=float("nan")), "took no finite time"),
    "metrics": (lines("trials.jsonl", metrics=7), "its files cannot be read here (TypeError: "),
    "epochs": (lines("epochs.jsonl", drop="number"), "epochs.jsonl has a row without its trial's number"),
    "asked": (lines("asked.jsonl", number=float("inf")), "its files cannot be read here (OverflowError: "),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_following_it_ends_with_a_line(name: str, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, part = FOLLOWED[name]
    change(odd)
    assert launch.main(["--follow", "odd"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: study odd: ")
    assert part in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["ratio", "times", "objective"])
def test_a_terminals_display_ends_with_a_line_too(name: str, odd: Path) -> None:
    """There rich draws in a thread of its own, where an error would be a traceback."""
    FOLLOWED[name][0](odd)
    place = Console(file=io.StringIO(), width=200, force_terminal=True)
    with pytest.raises(ConfigError, match="study odd: its files cannot be read here"):
        follow.follow(agent.answers, "odd", [str(odd.parent)], place)


@pytest.mark.parametrize("name", ["epochs", "pipe", "nested"])
def test_the_agent_alone_answers_too(name: str, odd: Path) -> None:
    """Behind ssh a traceback would be a connection that broke: asked again for ever."""
    FOLLOWED[name][0](odd)
    request = {"ask": "watch", "roots": [str(odd.parent)], "name": "odd", "at": {}, "lease_s": 0}
    program = Path(agent.__file__).read_text()
    command = [sys.executable, "-I", "-S", "-", json.dumps(request)]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=True)
    frames = [json.loads(line.removeprefix(agent.MARK)) for line in done.stdout.splitlines()]
    assert frames[-1] == {"end": True}
    assert ("error" in frames[0]) == (name != "nested")


def test_brackets_in_an_error_are_no_markup(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines("trials.jsonl", values=None, state="FAIL", error="[/nowhere] is [red]")(odd)
    assert launch.main(["--follow", "odd"]) == 0
    assert "FAIL: [/nowhere] is [red]" in capsys.readouterr().out


def test_no_request_leads_out_of_the_folder(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (odd / "models").mkdir(exist_ok=True)
    (odd / "models" / "net.pt").write_text("net")
    (odd / "elsewhere").symlink_to(tmp_path)
    (odd / "link").symlink_to(tmp_path / "secret")
    for path in (str(tmp_path / "secret"), "../../secret", "elsewhere/secret", "link", "models"):
        (frame,) = ask(odd, "read", files=[[path, 0, 6]])
        assert "data" not in frame
        assert frame["error"].startswith(f"{path}: ")
    (frame,) = ask(odd, "read", files=[["models/net.pt", 0, 6]])
    assert frame["data"] == "bmV0"
