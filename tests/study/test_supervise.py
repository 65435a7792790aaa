"""The supervisor with real processes; a shell script stands for the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from study import supervise
from study.supervise import FAILURES, Restarts
from tests.study.driver import _alive

ROOT = Path(__file__).parents[2]


def waits(story: list[tuple[int, bool]]) -> list[float | None]:
    restarts = Restarts()
    return [restarts.wait_s(status, progress=progress) for status, progress in story]


def test_when_it_goes_on() -> None:
    assert waits([(0, True)]) == [None]
    assert waits([(130, True)]) == [None]
    assert waits([(2, False)]) == [None]  # bad input
    assert waits([(-9, True), (2, False), (2, False), (0, True)]) == [1, 2, 4, None]  # it was good before
    all_of_them = [1, 2, 4, 8, 16, 32, 60, 60, None]
    assert waits([(1, False)] * 9) == all_of_them
    assert waits([(1, False)] * 4 + [(-9, True)] + [(1, False)] * 8) == [1, 2, 4, 8, *all_of_them]
    assert waits([(-9, True)] * 50) == [1] * 50


def test_how_it_ended() -> None:
    assert supervise.ended(-9) == "was killed (SIGKILL)"
    assert supervise.ended(1) == "ended with status 1"


class Supervised:
    """``supervise`` in a process of its own, over a script: $1 is the study folder, $2 its turn."""

    def __init__(self, folder: Path, script: str, prefix: Sequence[str] = ()) -> None:
        self.folder, self.log = folder, folder.parent / "log"
        folder.mkdir()
        counted = f'echo $$ >> {folder}/pids; n=$(wc -l < {folder}/pids); set -- {folder} $n "$@"; {script}'
        command = ["bash", "-c", counted, "driver"]
        code = "import sys; from pathlib import Path; from study import supervise; "
        code += f"supervise.FIRST_WAIT_S = 0.01; c = {command!r}; "
        code += f"sys.exit(supervise.supervise(c, [*c, '--resume'], Path({str(folder)!r})))"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-c", code], cwd=ROOT, stderr=log, start_new_session=True
            )

    def pids(self) -> list[int]:
        path = self.folder / "pids"
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def until(self, turns: int) -> int:
        """Wait for so many starts; the last driver's process."""
        limit = time.monotonic() + 60
        while len(self.pids()) < turns:
            assert time.monotonic() < limit, self.log.read_text()
            time.sleep(0.02)
        time.sleep(0.2)  # its traps are set
        return self.pids()[turns - 1]

    def end(self) -> tuple[int, list[str]]:
        status = self.process.wait(60)
        lines = [line.removeprefix("supervisor: ") for line in self.log.read_text().splitlines()]
        return status, lines


SLEEP = "trap 'exit 130' TERM INT; sleep 60 & wait"


def test_a_killed_driver_goes_on_until_it_is_complete(tmp_path: Path) -> None:
    script = "[ $2 = 3 ] && exit 0; touch $1/study.json; echo x >> $1/epochs.jsonl; "
    script += '[ $2 = 1 ] || [ "$3" = --resume ]'
    status, lines = Supervised(tmp_path / "s", script + " && kill -9 $$; exit 2").end()
    assert status == 0
    assert lines == ["the driver was killed (SIGKILL); going on in 0 s (restart 1)"] * 2


def test_it_gives_up_without_progress(tmp_path: Path) -> None:
    status, lines = Supervised(tmp_path / "s", "kill -9 $$").end()
    assert status == 1
    assert len(lines) == FAILURES + 1
    last = f"the driver was killed (SIGKILL); given up after {FAILURES} restarts without progress"
    assert lines[-1] == last


def test_storage_that_is_away_is_no_reason_to_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "s").symlink_to(tmp_path / "s")  # whatever is asked of it fails, as on a dead mount
    assert supervise._begun(tmp_path / "s")
    assert supervise._filed(tmp_path / "s") == 0
    assert not supervise._begun(tmp_path / "none")


@pytest.mark.parametrize("status", [0, 2, 130])
def test_it_does_not_go_on(status: int, tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "s", f"exit {status}")
    assert supervised.end() == (status, [])
    assert len(supervised.pids()) == 1


@pytest.fixture
def _terminal() -> Iterator[None]:
    """Children hear SIGINT, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_driver_once(number: signal.Signals, tmp_path: Path) -> None:
    script = 'for s in TERM INT; do trap "echo $s >> $1/got; exit 130" $s; done; sleep 60 & wait'
    supervised = Supervised(tmp_path / "s", script)
    supervised.until(1)
    os.killpg(supervised.process.pid, number)  # as a terminal does
    assert supervised.end() == (130, [])
    assert (tmp_path / "s" / "got").read_text() == number.name.removeprefix("SIG") + "\n"


def test_a_hang_up_that_is_ignored_is_no_wish_to_end(tmp_path: Path) -> None:
    """The terminal of a study under nohup closes; its driver is killed later, and goes on nonetheless."""
    script = "[ $2 = 2 ] && exit 0; touch $1/study.json; exec sleep 60"
    supervised = Supervised(tmp_path / "s", script, ["nohup"])
    driver = supervised.until(1)
    os.killpg(supervised.process.pid, signal.SIGHUP)
    os.kill(driver, signal.SIGHUP)  # it has inherited the ignoring
    assert _alive(driver)
    os.kill(driver, signal.SIGKILL)
    status, lines = supervised.end()
    assert status == 0
    assert lines[-1] == "the driver was killed (SIGKILL); going on in 0 s (restart 1)"
    assert len(supervised.pids()) == 2


def test_a_killed_supervisor_leaves_no_driver(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "s", SLEEP)
    driver = supervised.until(1)
    supervised.process.kill()
    supervised.process.wait()
    limit = time.monotonic() + 60
    while _alive(driver):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_the_flag_is_taken_off_and_bad_input_is_said_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "study.launch", "--supervise", "--resume", "none", "--output", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
