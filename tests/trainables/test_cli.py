from __future__ import annotations

import json
import subprocess
import sys

import pytest

from trainables.__main__ import main
from trainables.config import TrainConfig
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
