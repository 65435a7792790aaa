"""What a fetch is told by a cluster that is wrong or hostile: refused in a line, nothing outside written."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from study.remote import agent, fetch, manifest
from tests.study.remote.test_fetch import bring, files
from tests.study.remote.test_fetch import once as once
from tests.study.remote.test_fetch import there as there
from trainables.errors import ConfigError

Frame = dict[str, Any]
LEADS_OUT = ["../evil", "/etc/evil", "models/../../evil", "..", "a//b", "./a", "a/", ".", "", 7, None, ["a"]]
NO_FILES_OF_A_STUDY = [
    "a\\..\\b",
    "C:evil",
    "notes: first.txt",
    "a\nb",
    "\x1b[2J",
    "caf\udce9",
    ".ssh/authorized_keys",
    ".git/hooks/x",
    ".lock",
    ".fetched",
    ".nfs000000000a3c",
    "models/.ipynb_checkpoints/x.ipynb",
    "-rf",
    "~/x",
    "a/" * 9 + "b",
    "x" * 256,
    "optuna.db-journal",
    "optuna.db-wal",
    "deep/other.db-shm",
]


def telling(extra: list[Any]) -> fetch.Ask:
    """An agent that has more in its manifest."""

    def hostile(request: Frame) -> Iterator[Frame]:
        yield from agent.answers(request)
        yield from extra if request["ask"] == "manifest" else []

    return hostile


def changing(ask: str, change: Callable[[Frame], Any]) -> fetch.Ask:
    """An agent whose frames are others."""

    def hostile(request: Frame) -> Iterator[Frame]:
        for frame in agent.answers(request):
            yield change(frame) if request["ask"] == ask else frame

    return hostile


@pytest.mark.parametrize("path", LEADS_OUT)
def test_a_path_that_leads_out_writes_nothing(path: Any, there: Path, tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="refused, "):
        bring(there, tmp_path / "home", telling([{"path": path, "size": 4, "sha256": "0" * 64}]))
    assert set(tmp_path.rglob("*")) == before


def test_what_is_no_file_of_a_study_is_left_there(there: Path, tmp_path: Path) -> None:
    """Other programs leave theirs; the rest comes home whole, and a line names them."""
    extra = [{"path": path, "size": 4, "sha256": "0" * 64} for path in NO_FILES_OF_A_STUDY]
    home = bring(there, tmp_path / "home", telling(extra))
    assert files(home) == files(there)
    assert not list(home.rglob("*evil")) + list(home.rglob("authorized_keys"))
    told = manifest.manifest(telling(extra), "made", [str(there.parent)], {})
    assert told.odd == NO_FILES_OF_A_STUDY
    assert told.left is not None
    assert "'notes: first.txt'" in told.left
    assert told.left.endswith("and 14 more")


def test_real_ones_of_other_programs_too(there: Path, tmp_path: Path) -> None:
    before = files(there)
    (there / ".ipynb_checkpoints").mkdir()
    for name in (".nfs000000000a3c", ".ipynb_checkpoints/x.ipynb", "notes: first.txt", "optuna.db-journal"):
        (there / name).write_text("x")
    assert files(bring(there, tmp_path / "home")) == before
    told = manifest.manifest(agent.answers, "made", [str(there.parent)], {})
    assert sorted(told.odd) == [".ipynb_checkpoints/x.ipynb", ".nfs000000000a3c", "notes: first.txt"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "x"),
        ("size", float("nan")),
        ("size", -1),
        ("size", True),
        ("size", None),
        ("sha256", None),
        ("sha256", "../../x"),
        ("part", 7),
    ],
)
def test_a_manifest_that_is_none(key: str, value: Any, there: Path, tmp_path: Path) -> None:
    def change(frame: Frame) -> Frame:
        return frame | {key: value} if frame.get("path") == "models/net.pt" else frame

    before = set(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r"refused, 'models/net.pt' comes without its size and digest"):
        bring(there, tmp_path / "home", changing("manifest", change))
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "change",
    [
        {"path": "other"},
        {"path": "../../other"},
        {"path": ["a"]},
        {"data": base64.b64encode(b"x" * 4_000_000).decode()},
        {"data": "no base64"},
        {"data": "é"},
        {"data": 7},
        {"at": "x"},
        {"at": None},
        {"at": float("nan")},
        {"at": -4},
        {"at": 1},
    ],
)
def test_what_was_not_asked_for_is_refused(change: Frame, there: Path, tmp_path: Path) -> None:
    def changed(frame: Frame) -> Frame:
        return frame | change if "data" in frame else frame

    before = {path for path in tmp_path.rglob("*") if path.name != "home"}
    with pytest.raises(ConfigError, match="refused, the cluster sends what was not asked for") as refusal:
        bring(there, tmp_path / "home", changing("read", changed))
    assert len(refusal.value.problems) == 1
    home = tmp_path / "home"
    new = {path for path in tmp_path.rglob("*") if path.name != "home"} - before
    assert all(path.relative_to(home).parts[0].endswith(".fetch") for path in new)
    assert files(bring(there, home)) == files(there)  # what it left harms nothing


@pytest.mark.parametrize("ask", ["manifest", "read"])
def test_frames_that_are_none_and_errors(ask: str, there: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="refused, the cluster sends what is none of our agent's"):
        bring(there, tmp_path / "home", changing(ask, lambda frame: [frame]))
    denied = {"error": "models/net.pt: Permission denied"}
    with pytest.raises(ConfigError, match=r"--fetch made: models/net\.pt: Permission denied"):
        bring(there, tmp_path / "home", changing(ask, lambda frame: denied))
