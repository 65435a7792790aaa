"""A study folder that somebody sent: --resume executes nothing in it and writes nothing outside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from study import identity, received
from study.launch import main
from study.spec import StudySpec
from trainables import imports


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of studies in the current one, with one study that looks as if it had begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(imports, "_data_only", set())
    stored = json.loads(StudySpec(name="sent").model_dump_json())
    folder = tmp_path / "studies" / "sent"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps({"spec": stored, "code": identity.code()}))
    return tmp_path / "studies"


def refused(capsys: pytest.CaptureFixture[str], name: str = "sent") -> list[str]:
    assert main(["--resume", name, "--trials", "40"]) == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    "name", ["trials.jsonl", "optuna.db", ".lock", "models/index.json", "tune", "checkpoints"]
)
def test_a_link_out_of_the_folder_is_refused(
    name: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even one that leads nowhere yet: the file would be made there."""
    for outside in (tmp_path / "mine", tmp_path / "not-yet"):
        (tmp_path / "mine").write_text("torn line without an end")
        link = root / "sent" / name
        link.parent.mkdir(exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            link.rmdir()
        link.unlink(missing_ok=True)
        link.symlink_to(outside)
        (line,) = refused(capsys)
        assert f"{link} is a link out of the study folder" in line
        assert (tmp_path / "mine").read_text() == "torn line without an end"
        assert not (tmp_path / "not-yet").exists()


def test_links_inside_are_kept(root: Path) -> None:
    (root / "sent" / "kept").mkdir()
    (root / "sent" / "models").symlink_to("kept")
    (root / "sent" / "loop").symlink_to("loop")
    received.check(root / "sent")


@pytest.mark.parametrize("name", ["../sent", "/tmp", "sent/../../x", ".."])
def test_a_name_does_not_lead_elsewhere(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither on the command line nor in study.json."""
    before = sorted(root.parent.rglob("*"))
    refused(capsys, name)
    study = json.loads((root / "sent" / "study.json").read_text())
    study["spec"]["name"] = name
    (root / "sent" / "study.json").write_text(json.dumps(study))
    refused(capsys)
    assert sorted(root.parent.rglob("*")) == before


@pytest.mark.parametrize("group", ["space", "train"])
@pytest.mark.parametrize("module", ["studies.sent.evil", "studies.sent.deep.evil", "studies.other.evil"])
def test_code_in_the_folder_is_not_run(
    module: str, group: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """study.json may name a module for the search space and one for the network; none that studies hold."""
    text = (root / "sent" / "study.json").read_text()
    for place in (root / "sent", root / "sent" / "deep", root / "other"):
        place.mkdir(exist_ok=True)
        (place / "study.json").touch()
        (place / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    study = json.loads(text)
    study["spec"][group]["function" if group == "space" else "network"] = f"{module}:run"
    (root / "sent" / "study.json").write_text(json.dumps(study))
    lines = refused(capsys)
    assert any("nothing in it is executed" in line for line in lines), lines
    assert not (tmp_path / "ran").exists()


def test_a_function_of_a_library_is_not_called(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be called with a trial, and importing is enough for some."""
    study = json.loads((root / "sent" / "study.json").read_text())
    for path, owner in (
        ("antigravity:webbrowser", "Python's own library"),
        ("os.path:join", "Python's own library"),
        ("scipy.optimize:minimize", "scipy, a library that Spinetune uses"),
    ):
        study["spec"]["space"]["function"] = path
        (root / "sent" / "study.json").write_text(json.dumps(study))
        lines = refused(capsys)
        assert any(f"function {path}: belongs to {owner}; must be" in line for line in lines), lines
    assert "antigravity" not in sys.modules
