"""Runs ``python -m study.launch`` as a process of its own and watches what it does to the machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import optuna

PATIENCE_S = 120.0  # a hang ends a test here; nothing is asserted about speed


class Driver:
    """One launch. ``scratch`` is its TMPDIR, by which its processes and temporary folders are told apart.

    ``scratch`` must be short: the paths of Ray's sockets lie under it and may not pass 107 characters.
    """

    _launched: ClassVar[list[Driver]] = []

    def __init__(self, argv: list[str], cwd: Path, scratch: Path) -> None:
        self.scratch = scratch
        self.log = cwd / "driver.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "study.launch", *argv],
                cwd=cwd,
                env=environment | {"TMPDIR": str(scratch)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group like that of a command typed into a terminal
            )
        self._launched.append(self)

    @classmethod
    def end_all(cls) -> None:
        """Kill what is still running of all launches and wait for it."""
        for driver in cls._launched:
            driver.end({driver.process.pid, *driver.processes()})
            driver.wait()

    def end(self, pids: set[int]) -> None:
        """Kill those of these processes of the launch that still live, and wait for them."""
        for pid in filter(_alive, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gone(pids)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Exit status."""
        return self.process.wait(patience_s)

    def output(self) -> str:
        return self.log.read_text()

    def until(self, condition: Any) -> None:
        """Wait for the condition while the launch is running."""
        limit = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"ended too early:\n{self.output()}"
            assert time.monotonic() < limit, f"waited in vain:\n{self.output()}"
            time.sleep(0.02)

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends the signal to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def processes(self) -> dict[int, str]:
        """Living processes of this launch and their titles."""
        mark = f"TMPDIR={self.scratch}\0".encode()
        parents: dict[int, int] = {}
        titles: dict[int, str] = {}
        mine: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            pid = int(entry.name)
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z":
                    continue
                parents[pid] = int(parent)
                titles[pid] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if mark in (entry / "environ").read_bytes():
                    mine.add(pid)
            except OSError:  # gone between two reads
                continue
        # A worker's new title overwrites its environment in /proc: it is known by its parent.
        while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
            mine |= more
        return {pid: titles[pid] for pid in mine if pid in titles}

    def gone(self, pids: set[int] | None = None) -> bool:
        """Whether these (all of the launch) have ended, or end soon: Ray's look around now and then."""
        limit = time.monotonic() + PATIENCE_S
        while alive := {pid for pid in (self.processes() if pids is None else pids) if _alive(pid)}:
            if time.monotonic() > limit:
                break
            time.sleep(0.1)
        return not alive


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def rows(path: Path) -> list[dict[str, Any]]:
    """Whole lines of a .jsonl file that may be growing."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def optuna_study(folder: Path) -> optuna.Study:
    """The only study in the folder's database."""
    storage = f"sqlite:///{folder / 'optuna.db'}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)
