from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainables import checkpoint
from trainables.__main__ import main
from trainables.config import TrainConfig
from trainables.errors import ConfigError
from trainables.metrics import METRICS
from trainables.train import Training


def test_json_rows_of_a_fresh_process_are_those_of_the_library() -> None:
    command = [sys.executable, "-m", "trainables", "--epochs", "2", "--json", "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    expected = list(Training(TrainConfig(epochs=2, device="cpu")))
    for row, wanted in zip(rows, expected, strict=True):
        assert set(row) == {"reason", *METRICS} - {"accuracy_test"}
        assert row.pop("wall_s") > 0
        assert row == {name: value for name, value in wanted.items() if name != "wall_s"}


def test_table_for_people_has_a_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--epochs", "1", "--scheduler", "cubic", "--device", "cpu"]) == 0
    title, headings, *rows, costs = capsys.readouterr().out.splitlines()
    assert "cubic" in title
    assert headings.split()[:3] == ["epoch", "loss", "train"]
    assert [row.split()[0] for row in rows] == ["1"]
    assert costs.split()[1] == "synapses,"
    assert "TrueNorth" in costs


def test_all_problems_at_once_and_nothing_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--epohcs", "3", "--epochs", "0", "--scheduler", "sinus", "--lr", "fast", "--dataset", "digit"]
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    for part in (
        "unknown flag '--epohcs': did you mean '--epochs'?",
        "epochs: got '0', must be at least 1; nearest valid: 1",
        "unknown schedule 'sinus': did you mean 'sine'?",
        "lr: got 'fast'",
        "unknown data set 'digit': did you mean 'digits'?",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == 5


def test_a_run_that_was_lost_is_still_lost_when_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Training, "_divergence", lambda self, loss: "lost")
    argv = ["--epochs", "3", "--device", "cpu", "--json", "--checkpoint", str(tmp_path)]
    assert [main(argv), main(argv)] == [1, 1]
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.splitlines() == ["stopped: lost", "going on after epoch 1 of 3", "stopped: lost"]


def test_interruption_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    whole = Training._train_epoch

    def interrupted(self: Training) -> tuple[float, float]:
        if self.epoch == 2:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Training, "_train_epoch", interrupted)
    assert main(["--epochs", "3", "--device", "cpu", "--checkpoint", str(tmp_path)]) == 130
    expected = f"interrupted after epoch 2 of 3; {tmp_path} holds it after epoch 2"
    assert capsys.readouterr().err.strip() == expected


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("enforce fail\nmore")]
)
def test_state_that_can_not_be_written_is_one_line(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(state: object, path: Path) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "save", full)
    assert main(["--epochs", "1", "--device", "cpu", "--checkpoint", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: checkpoint {tmp_path}: ")
    assert len(err.splitlines()) == 1


def test_what_goes_wrong_on_the_way_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(self: Training) -> tuple[float, float]:
        raise ConfigError(["damaged file 7.JPEG"])

    monkeypatch.setattr(Training, "_train_epoch", damaged)
    assert main(["--epochs", "1", "--device", "cpu"]) == 2
    assert capsys.readouterr().err == "error: damaged file 7.JPEG\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m trainables --epochs 3 --json --device cpu | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert json.loads(done.stdout)["epoch"] == 1
    assert done.stderr == ""


def test_an_empty_list_is_given_as_an_empty_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--exempt", "", "--epochs", "1", "--device", "cpu", "--pruner", "rigl"]) == 0
    assert "rigl, sparsity 0.9, seed 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["stray"], "unexpected words: stray"),
        (["--epochs"], "expected one argument"),
        (["--final-threshold", "nan"], "final_threshold: got 'nan'"),
        (["--window-start", "0.8", "--window-end", "0.5"], "must lie before window_end"),
        (["--device", "cuda:99"], "nearest valid: cpu"),
        (["--device", "gpu"], "unknown device 'gpu'"),
    ],
)
def test_one_bad_flag(argv: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert part in err
