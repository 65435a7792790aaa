"""The agent on real study folders: what it lists, how it watches, what it would send."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.remote import agent
from study.spec import StudySpec
from study.store import held
from tests.study.made import make, opened, run_out, train


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete study, named made."""
    return finished(tmp_path / "made")


def finished(folder: Path) -> Path:
    """A study that has run to its end."""
    spec = make(trials=3)
    with opened(spec, folder, lambda store: store.update(**described(spec), state="running")) as books:
        run_out(books)
        books.store.update(state="complete")
    return folder


def described(spec: StudySpec) -> dict[str, Any]:
    """Entries of study.json, as ``study.conduct`` writes them."""
    return {
        "name": spec.name,
        "created_at": "2026-01-02T03:04:05Z",
        "objectives": list(spec.search.objectives),
        "data": {"name": "digits", "classes": 10},
        "spec": json.loads(spec.model_dump_json()),
        "space_hash": "abc",
        "seed": 0,
        "code": {"study": "1"},
        "budget": {"search": spec.search.trials, "reference": 4, "confirm": 0},
    }


def ask(folder: Path, what: str, **more: Any) -> list[dict[str, Any]]:
    """All frames."""
    request = {"ask": what, "roots": [str(folder.parent)], "name": folder.name, **more}
    return list(agent.answers(request))


def test_a_list_has_every_study_with_its_trials(folder: Path) -> None:
    (folder.parent / "no-study").mkdir()
    (frame,) = ask(folder, "list")
    assert (frame["name"], frame["state"], len(frame["trials"])) == ("made", "complete", 7)
    dense = frame["trials"][0]
    assert dense["kind"] == "reference"
    assert "synapses" in dense["metrics"]
    assert set(frame["trials"][-1]["metrics"]) == {"accuracy_val", "sparsity_params"}


def test_running_is_who_holds_the_folder(folder: Path) -> None:
    study = json.loads((folder / "study.json").read_text()) | {"state": "running"}
    assert agent.state(folder, study) == "killed"
    with held(folder):
        assert agent.state(folder, study) == "running"
    assert agent.state(folder, study) == "killed"


def test_a_watch_goes_on_from_its_offsets(tmp_path: Path) -> None:
    """Two watches, one after four trials and one after all, see each line once and no torn one."""
    spec, folder = make(trials=3), tmp_path / "made"
    with opened(spec, folder, lambda store: store.update(**described(spec), state="running")) as books:
        for _ in range(4):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        with (folder / "trials.jsonl").open("ab") as log:
            log.write(b'{"number": 99')
            log.flush()
            (first,) = ask(folder, "watch", at={}, lease_s=0)
            log.truncate(first["at"]["trials"])
        run_out(books)
    second, last = ask(folder, "watch", at=first["at"], lease_s=60)
    numbers = [line["number"] for frame in (first, second) for line in frame["trials"]]
    assert numbers == list(range(7))
    assert [line["number"] for line in first["trials"]] == [0, 1, 2, 3]
    assert (second["over"], last["over"], last["trials"]) == (False, True, [])
    assert {row["epoch"] for row in second["epochs"]} == {2}  # the last one of every trial


def test_a_watch_of_nothing_says_so_and_ends_with_its_lease(tmp_path: Path) -> None:
    (frame,) = ask(tmp_path / "none", "watch", at={}, lease_s=0)
    assert "state" not in frame


def test_the_manifest_is_of_files_inside(folder: Path) -> None:
    (folder / "tune").mkdir()
    (folder / "tune" / "state.pkl").write_bytes(b"x")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / ".report.html.1.tmp").write_bytes(b"half")
    frames = ask(folder, "manifest", have={"trials.jsonl": 10})
    assert frames[0]["state"] == "complete"
    files = {frame["path"]: frame for frame in frames[1:]}
    assert set(files) >= {"study.json", "asked.jsonl", "trials.jsonl", "epochs.jsonl"}
    assert not set(files) & {"tune/state.pkl", "link", ".lock", ".report.html.1.tmp"}
    text = (folder / "trials.jsonl").read_bytes()
    assert files["trials.jsonl"] == {
        "path": "trials.jsonl",
        "size": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
        "part": hashlib.sha256(text[:10]).hexdigest(),
    }


def test_any_python_can_run_the_agent(folder: Path) -> None:
    """As ssh does: the file alone, without this project and its packages."""
    request = json.dumps({"ask": "list", "roots": [str(folder.parent)]})
    program = Path(agent.__file__).read_text()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-", request], input=program, capture_output=True, text=True, check=True
    )
    frames = [json.loads(line.removeprefix(agent.MARK)) for line in done.stdout.splitlines()]
    assert [frame.get("name") for frame in frames] == ["made", None]
