"""The real command on a real local Ray: one undisturbed study, one interrupted, one killed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from study import identity
from study.store import FORMAT
from tests.study.driver import Driver, optuna_study, rows
from trainables.config import TrainConfig
from trainables.train import Training

SPACE = ["--schedulers", "linear,slats", "--device", "cpu"]
ARMS = 4  # dense, linear, sine, slats


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # pytest's own folders are too deep for sockets
    yield folder
    Driver.end_all()  # those that a failed test left running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> tuple[Path, Driver]:
    """Two searched trials and four reference arms of two epochs each, confirmed once, undisturbed."""
    root = tmp_path_factory.mktemp("tiny")
    argv = ["--name", "tiny", "--trials", "2", "--epochs", "2", "--accuracy-floor", "0", "--output", "out"]
    argv += ["--confirm", "1"]
    driver = Driver(argv + SPACE, root, scratch)
    assert driver.wait() == 0, driver.output()
    return root / "out" / "tiny", driver


def check_whole(folder: Path, searched: int, epochs: int) -> list[dict[str, Any]]:
    """Every planned trial ended exactly once, in the files and in the database; the trials' lines."""
    lines = rows(folder / "trials.jsonl")
    kinds = Counter(line["kind"] for line in lines)
    assert {line["state"] for line in lines} == {"COMPLETE"}
    assert (kinds["search"], kinds["reference"]) == (searched, ARMS)
    assert {line["name"] for line in lines} == {None, "dense", "linear", "sine", "slats"}
    numbers = [line["number"] for line in rows(folder / "asked.jsonl")]
    assert numbers == list(range(len(lines))) == sorted(line["number"] for line in lines)
    assert len({json.dumps(line["params"], sort_keys=True) for line in lines}) == len(lines)
    trained = rows(folder / "epochs.jsonl")
    for line in lines:
        filed = [row["epoch"] for row in trained if row["number"] == line["number"]]
        assert filed == list(range(1, epochs + 1))
    told = {trial.user_attrs["number"]: trial.values for trial in optuna_study(folder).trials}
    assert told == {n["number"]: list(n["values"].values()) for n in lines if n["kind"] != "confirm"}
    assert {trial.state.name for trial in optuna_study(folder).trials} == {"COMPLETE"}
    assert json.loads((folder / "study.json").read_text())["state"] == "complete"
    return lines


def undominated(points: dict[int, tuple[float, ...]]) -> set[int]:
    return {
        n
        for n, p in points.items()
        if not any(q != p and all(a >= b for a, b in zip(q, p, strict=True)) for q in points.values())
    }


class TestTiny:
    def test_every_planned_trial_is_complete(self, tiny: tuple[Path, Driver]) -> None:
        lines = check_whole(tiny[0], searched=2, epochs=2)
        again = [line for line in lines if line["kind"] == "confirm"]
        assert {line["replicate_of"] for line in again} >= {0, 1, 2, 3}
        assert {line["seed"] for line in again} == {1}
        assert len(again) in (5, 6)  # four arms and the front, perhaps with its near-miss

    def test_folder_holds_what_the_design_says(self, tiny: tuple[Path, Driver]) -> None:
        folder, _ = tiny
        names = """.lock study.json asked.jsonl trials.jsonl epochs.jsonl optuna.db checkpoints tune models
            report.html"""
        assert {path.name for path in folder.iterdir()} == set(names.split())
        assert [path.name for path in folder.parent.iterdir()] == ["tiny"]
        study = json.loads((folder / "study.json").read_text())
        assert (study["format"], study["name"], study["state"]) == (FORMAT, "tiny", "complete")
        assert study["budget"] == {"search": 2, "reference": ARMS, "confirm": ARMS + 2}
        of = {n["replicate_of"] for n in rows(folder / "trials.jsonl")} - {None}
        assert study["confirmed"] == sorted(of)
        assert study["code"] == identity.code()
        assert study["objectives"] == ["accuracy_val", "sparsity_params"]
        assert study["timings"]["training_s"] == pytest.approx(
            sum(line["train_wall_s"] for line in rows(folder / "trials.jsonl"))
        )
        assert all(study["metrics"][name]["direction"] == "maximize" for name in study["objectives"])

    def test_last_epoch_is_the_result(self, tiny: tuple[Path, Driver]) -> None:
        last = {row["number"]: row for row in rows(tiny[0] / "epochs.jsonl") if row["epoch"] == 2}
        for line in rows(tiny[0] / "trials.jsonl"):
            row = last[line["number"]]
            assert line["metrics"] == {k: v for k, v in row.items() if k not in {"number", "reason"}}
            assert line["values"] == {name: row[name] for name in ("accuracy_val", "sparsity_params")}
            assert row["threshold"] == line["final_threshold"]

    def test_a_trial_is_the_same_training_without_ray_bit_for_bit(self, tiny: tuple[Path, Driver]) -> None:
        line = next(line for line in rows(tiny[0] / "trials.jsonl") if line["kind"] == "search")
        filed = [row for row in rows(tiny[0] / "epochs.jsonl") if row["number"] == line["number"]]
        for row, expected in zip(filed, Training(TrainConfig(**line["config"])), strict=True):
            for varying in ("number", "wall_s"):
                row.pop(varying, None)
            assert row == {name: value for name, value in expected.items() if name != "wall_s"}

    def test_models_are_plain_tensors_with_the_weights_that_the_index_says(
        self, tiny: tuple[Path, Driver]
    ) -> None:
        models = tiny[0] / "models"
        lines = {line["number"]: line for line in rows(tiny[0] / "trials.jsonl")}
        index = json.loads((models / "index.json").read_text())["trials"]
        again = {n: line for n, line in lines.items() if line["kind"] == "confirm"}
        searched = {n: tuple(x["values"].values()) for n, x in again.items() if x["name"] is None}
        arms = {n for n, line in again.items() if line["name"]}
        assert {trial["number"] for trial in index} == arms | undominated(searched)
        assert {path.name for path in models.iterdir()} == {"index.json", *(one["file"] for one in index)}
        for entry in index:
            line = lines[entry["number"]]
            saved = torch.load(models / entry["file"], weights_only=True)
            assert saved["config"] == line["config"]
            weights = [w for name, w in saved["model"].items() if name.endswith("weight") and w.dim() > 1]
            assert sum(int(w.count_nonzero()) for w in weights) == entry["nonzero_weights"]
            total = sum(w.numel() for w in weights)
            assert 1 - entry["nonzero_weights"] / total == pytest.approx(line["values"]["sparsity_params"])
            assert 0 <= entry["accuracy_test"] <= 1

    def test_report_is_there_and_made_again_it_has_the_same_bytes(self, tiny: tuple[Path, Driver]) -> None:
        page = tiny[0] / "report.html"
        before = page.read_bytes()
        assert b"tiny" in before
        for line in rows(tiny[0] / "trials.jsonl"):
            assert f'data-trial="{line["number"]}"'.encode() in before
            assert f"{100 * line['values']['sparsity_params']:.1f}\N{NO-BREAK SPACE}%".encode() in before
        page.unlink()
        again = [sys.executable, "-m", "analysis.report", str(tiny[0])]
        subprocess.run(again, check=True, capture_output=True)
        assert page.read_bytes() == before

    def test_a_line_per_trial_and_the_place_of_the_report_are_printed(
        self, tiny: tuple[Path, Driver]
    ) -> None:
        text = tiny[1].output()
        total = len(rows(tiny[0] / "trials.jsonl"))
        assert all(f"{count:>4}/" in text for count in range(1, total + 1))
        assert f"{total:>4}/{total}  #" in text
        assert f"report: {tiny[0] / 'report.html'}" in text
        assert "Traceback" not in text

    def test_tune_writes_no_second_books(self, tiny: tuple[Path, Driver]) -> None:
        (snapshot,) = (tiny[0] / "tune").glob("experiment_state-*.json")
        assert json.loads(snapshot.read_text())["trial_data"] == []

    def test_nothing_is_left_behind(self, tiny: tuple[Path, Driver]) -> None:
        assert tiny[1].gone()
        assert [path.name for path in tiny[1].scratch.glob("spinetune-*")] == []


def launch(tmp_path: Path, scratch: Path) -> tuple[Path, Driver]:
    """A study that goes on for some seconds after its first trial has ended."""
    argv = ["--name", "cut", "--trials", "3", "--epochs", "6", "--output", "out", "--confirm", "0"]
    driver = Driver(argv + SPACE, tmp_path, scratch)
    folder = tmp_path / "out" / "cut"
    driver.until(lambda: rows(folder / "trials.jsonl"))
    return folder, driver


def test_ctrl_c_saves_everything_and_resume_completes(tmp_path: Path, scratch: Path) -> None:
    folder, driver = launch(tmp_path, scratch)
    driver.interrupt()
    assert driver.wait() == 130, driver.output()
    assert "python -m study.launch --resume cut --output out" in driver.output()
    assert "Traceback" not in driver.output()
    assert json.loads((folder / "study.json").read_text())["state"] == "interrupted"
    assert (folder / "report.html").is_file()
    assert driver.gone()
    before = rows(folder / "trials.jsonl")
    assert 1 <= len(before) < 3 + ARMS
    created_at = json.loads((folder / "study.json").read_text())["created_at"]

    again = Driver(["--resume", "cut", "--output", "out"], tmp_path, scratch)
    assert again.wait() == 0, again.output()
    lines = check_whole(folder, searched=3, epochs=6)
    assert lines[: len(before)] == before
    assert json.loads((folder / "study.json").read_text())["created_at"] == created_at
    assert again.gone()
    assert list(scratch.glob("spinetune-*")) == []


@pytest.mark.parametrize("begun", ["gcs_server", "raylet"])
def test_terminated_while_ray_starts(begun: str, tmp_path: Path, scratch: Path) -> None:
    """SIGTERM says what it does, leaves no process, and no folder that holds no trial."""
    driver = Driver(["--name", "early", "--trials", "3", "--output", "out"], tmp_path, scratch)
    driver.until(lambda: any(begun in title.split(" ")[0] for title in driver.processes().values()))
    driver.process.terminate()
    assert driver.wait() == 130, driver.output()
    assert "interrupted" in driver.output()
    assert "Traceback" not in driver.output()
    assert driver.gone()
    assert list(scratch.glob("spinetune-*")) == []


def test_killed_driver_and_killed_worker_lose_no_trial(tmp_path: Path, scratch: Path) -> None:
    folder, driver = launch(tmp_path, scratch)
    before = rows(folder / "trials.jsonl")
    processes = driver.processes()
    names = ("/raylet", "ResourceTrainable", "TrialRun")  # by what they do, or between two calls
    working = {pid for pid, title in processes.items() if any(name in title.split(" ")[0] for name in names)}
    assert len(working) >= 2
    os.kill(driver.process.pid, signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    assert driver.gone(working)  # nobody tells them; they end by themselves
    assert driver.gone()  # Ray's agents: study.nodes.warden
    assert list(scratch.glob("spinetune-*")) == []
    assert json.loads((folder / "study.json").read_text())["state"] == "running"

    again = Driver(["--resume", "cut", "--output", "out"], tmp_path, scratch)
    filed = len(rows(folder / "epochs.jsonl"))
    again.until(lambda: len(rows(folder / "epochs.jsonl")) >= filed + 3)

    def workers() -> list[int]:  # by what they do at the moment, or between two calls
        titles = again.processes().items()
        return [pid for pid, title in titles if "ResourceTrainable" in title or "TrialRun" in title]

    again.until(workers)
    os.kill(workers()[0], signal.SIGKILL)
    assert again.wait() == 0, again.output()
    lines = check_whole(folder, searched=3, epochs=6)
    assert lines[: len(before)] == before
    assert sum(line["retries"] for line in lines) >= 1
    assert again.gone()


def test_a_full_disk_ends_the_study_and_with_room_it_completes(tmp_path: Path, scratch: Path) -> None:
    """The driver alone may write no longer files than it has, as the kernel sees to."""
    folder, driver = launch(tmp_path, scratch)
    longest = (folder / "epochs.jsonl").stat().st_size
    before = resource.prlimit(driver.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(driver.process.pid, resource.RLIMIT_FSIZE, (longest + 100, before[1]))
    assert driver.wait() == 1, driver.output()
    # refused as a whole, or taken in part: by where in a line the limit falls
    told = [
        f"{folder} takes no more ({why}); what is" for why in ("File too large", "No space left on device")
    ]
    assert any(line in driver.output() for line in told)
    assert "python -m study.launch --resume cut --output out" in driver.output()
    assert "Traceback" not in driver.output()
    filed = rows(folder / "trials.jsonl")

    again = Driver(["--resume", "cut", "--output", "out"], tmp_path, scratch)
    assert again.wait() == 0, again.output()
    assert check_whole(folder, searched=3, epochs=6)[: len(filed)] == filed
    assert again.gone()
