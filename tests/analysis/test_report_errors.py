"""One clear message per mistake, exit status 2, and nothing on disk changes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.report import main
from tests.analysis.folder import write_study


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with its bytes."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], list[str]]:
    """Change a file of the study by its text."""

    def broken(folder: Path) -> list[str]:
        file = folder / name
        file.write_text(change(file.read_text()))
        return [str(folder)]

    return broken


def remove(name: str) -> Callable[[Path], list[str]]:
    """Remove a file of the study."""

    def broken(folder: Path) -> list[str]:
        (folder / name).unlink()
        return [str(folder)]

    return broken


CASES: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "missing folder": (lambda folder: [str(folder / "nowhere")], "does not exist"),
    "a file": (lambda folder: [str(folder / "study.json")], "is not a folder"),
    "not a study": (remove("study.json"), "has no study.json"),
    "not JSON": (edit("study.json", lambda text: text[:-1]), "is not valid JSON"),
    "wrong format": (edit("study.json", lambda text: text.replace('"format": 1', '"format": 2')), "format 2"),
    "no object": (edit("study.json", lambda text: "[]"), "format none"),
    "no objectives": (edit("study.json", lambda text: '{"format": 1}'), "objectives"),
    "no trials": (remove("trials.jsonl"), "has no trials.jsonl"),
    "empty trials": (edit("trials.jsonl", lambda text: ""), "no complete line"),
    "only a torn line": (edit("trials.jsonl", lambda text: text[:40]), "no complete line"),
    "bad middle line": (edit("trials.jsonl", lambda text: "{\n" + text), "trials.jsonl, line 1,"),
    "bad epoch line": (edit("epochs.jsonl", lambda text: "{\n" + text), "epochs.jsonl, line 1,"),
    "output is a folder": (lambda folder: [str(folder), "--output", str(folder)], "Cannot write"),
    "output in a missing folder": (
        lambda folder: [str(folder), "--output", f"{folder}/x/y.html"],
        "Cannot write",
    ),
    "output below a file": (
        lambda folder: [str(folder), "--output", f"{folder}/study.json/y.html"],
        "Cannot write",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The old report stays, no temporary file stays, one line goes to stderr."""
    folder = write_study(tmp_path / "studies" / "good", trials=2)
    (folder / "report.html").write_text("old")
    write_study(tmp_path / "studies" / "other", trials=2)
    spoil, words = CASES[case]
    arguments = spoil(folder)
    before = snapshot(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    message = err.splitlines()[-1]
    assert message.startswith("error: ")
    assert words in message
    assert "Traceback" not in err
    assert snapshot(tmp_path) == before
    if "line" not in case and "output" not in case:
        assert str(tmp_path / "studies" / "other") in message


def test_nearby_studies_are_offered_for_the_folder_above(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commonest slip: giving the folder that holds the studies."""
    folder = write_study(tmp_path / "studies" / "good", trials=2)
    assert main([str(tmp_path / "studies")]) == 2
    assert str(folder) in capsys.readouterr().err


def test_output_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path is printed; the study folder is left alone."""
    folder = write_study(tmp_path / "s", trials=2)
    before = snapshot(folder)
    assert main([str(folder), "--output", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'r.html'}\n"
    assert snapshot(folder) == before
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_command_line_in_a_fresh_process(tmp_path: Path) -> None:
    """As people run it; neither Ray nor torch nor Optuna is loaded."""
    folder = write_study(tmp_path / "s", trials=2)
    code = (
        "import sys; from analysis.report import main; status = main(sys.argv[1:]); "
        "print([name for name in ('ray', 'torch', 'optuna', 'study', 'trainables') if name in sys.modules]); "
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(folder / "report.html"), "[]"]
