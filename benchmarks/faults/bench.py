"""One small study on fake hosts, and what is measured about it when something dies."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults.hosts import PORT, START_S, Host, Net, until
from tests.study.driver import rows

EPOCHS, SEARCHED = 15, 2
END_S = 540.0
_TRIAL_ENDED = re.compile(r"^ *\d+/\d+ ")
_LAST_WORDS = ("nothing at", "best at", "hypervolume", "report:", "    - ", "    [")
_AGAIN = re.compile(r"^#(\d+): .*goes on from")


class Bench:
    """A head with the driver and a worker; ``shared`` is the folder that both see."""

    def __init__(self, net: Net, shared: Path) -> None:
        self.net, self.shared = net, shared
        self.orders = net.work / "orders"
        self.orders.mkdir(exist_ok=True)
        self.folder = shared / "faults"
        self.log = net.work / "driver.log"
        self.log.write_text("")
        self.driver: subprocess.Popen[bytes] | None = None
        self._at = 0.0
        self._mending: threading.Timer | None = None
        self._before: dict[str, Any] = {}

    def cluster(self, cpus: tuple[int, ...] = (1, 1), worker: dict[str, str] | None = None) -> None:
        """The hosts, each with a node of Ray; ``worker``: environment of the nodes that are not the head."""
        for number, count in enumerate(cpus):
            host = self.net.host(count)
            host.ray(self.head, worker if number else None)
            self.joined(number + 1)

    @property
    def head(self) -> Host:
        return self.net.hosts[0]

    @property
    def worker(self) -> Host:
        return self.net.hosts[1]

    def joined(self, count: int) -> float:
        """Wait until so many nodes are alive; seconds."""
        code = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False, logging_level=50); "
        code += "print(sum(node['Alive'] for node in ray.nodes()))"
        command = self.head.command([sys.executable, "-c", code, f"{self.head.address}:{PORT}"])

        def alive() -> bool:
            if self.head.node is not None and self.head.node.poll() is not None:
                self.head.ray(self.head)  # a busy machine: it gave up
            try:
                done = subprocess.run(
                    command,
                    env=self.net.environment,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=120,
                )
            except subprocess.TimeoutExpired:
                return False
            return done.stdout.split()[-1:] == [str(count)]

        return until(alive, START_S, f"{count} nodes")

    def launch(self, *flags: str, resume: bool = False, local: bool = False) -> None:
        """Start the driver on the head."""
        words = [sys.executable, "-m", "study.launch", "--output", str(self.shared)]
        words += [] if local else ["--address", f"{self.head.address}:{PORT}"]
        if resume:
            words += ["--resume", "faults"]
        else:
            network = json.dumps({"orders": str(self.orders)})
            words += ["--name", "faults", "--network", "benchmarks.faults.network:Napping"]
            words += ["--network-args", network, "--epochs", str(EPOCHS), "--trials", str(SEARCHED)]
            words += ["--confirm", "0", "--accuracy-floor", "0", "--threads", "1"]
        self.driver = self.head.start([*words, *flags], self.log)

    def rows(self) -> list[dict[str, Any]]:
        return rows(self.folder / "epochs.jsonl")

    def ended(self) -> list[dict[str, Any]]:
        return rows(self.folder / "trials.jsonl")

    def filed(self) -> dict[int, int]:
        """Last filed epoch of every trial that has not ended."""
        over = {line["number"] for line in self.ended()}
        return {row["number"]: row["epoch"] for row in self.rows() if row["number"] not in over}

    def until_running(self, count: int = 2, ended: int = 1) -> None:
        """Wait until so many trials run, each a few epochs old, and so many have ended."""
        self.wait(
            lambda: (
                self.over()
                or (
                    len(self.ended()) >= ended
                    and sum(2 <= epoch <= EPOCHS - 4 for epoch in self.filed().values()) >= count
                )
            ),
            "trials at work",
        )

    def over(self) -> bool:
        """Whether the driver has ended."""
        return self.driver is not None and self.driver.poll() is not None

    def wait(self, condition: Any, what: str, limit_s: float = END_S) -> float:
        """Seconds until the condition holds."""
        try:
            return until(condition, limit_s, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log.read_text()[-3000:]}") from None

    def trial_processes(self, host: Host) -> list[int]:
        """Processes that train on a host."""
        return [
            pid
            for pid, title in host.processes().items()
            if "ResourceTrainable" in title or "TrialRun" in title
        ]

    def driver_pids(self) -> list[int]:
        """The driver's process (not a supervisor's) as seen from outside."""
        return [
            pid
            for pid, title in self.head.processes().items()
            if "-m study.launch" in title and not title.startswith("nsenter")
        ]

    def begin(self) -> None:
        """The fault happens now."""
        if self.over():
            raise RuntimeError("the study ended before the fault")
        self._at = time.monotonic()
        self._said = len(self.log.read_text())
        self._before = {"filed": self.filed(), "ended": self.ended()}

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Mend the fault in a while, whatever this process waits for meanwhile; the end waits for that."""
        self._mending = threading.Timer(seconds, do)
        self._mending.start()

    def since(self) -> float:
        """Seconds since the fault."""
        return time.monotonic() - self._at

    def said(self) -> list[str]:
        """What the user has seen since the fault, without ended trials, last words and raylets' dumps."""
        lines = self.log.read_text()[self._said :].splitlines()
        return [
            line
            for line in lines
            if line.strip() and not _TRIAL_ENDED.match(line) and not line.startswith(_LAST_WORDS)
        ]

    def again(self, numbers: list[int] | None = None) -> dict[str, Any]:
        """Wait until the affected trials (default: those the driver has named) have a new epoch."""
        if numbers is None:
            self.wait(lambda: self._named(), "a line about a retry")
            numbers = self._named()
        before = self._before["filed"]
        over = {line["number"] for line in self._before["ended"]}

        def on(number: int) -> bool:
            newest = max((row["epoch"] for row in self.rows() if row["number"] == number), default=0)
            return newest > before.get(number, 0)

        numbers = [number for number in numbers if number not in over]
        self.wait(lambda: all(on(number) for number in numbers), f"new epochs of {numbers}")
        return {"affected": numbers, "again_s": round(self.since(), 1)}

    def _named(self) -> list[int]:
        return sorted({int(found[1]) for line in self.said() if (found := _AGAIN.match(line))})

    def running(self) -> list[int]:
        """Trials that were at work when the fault happened."""
        return sorted(self._before["filed"])

    def end(self, facts: dict[str, Any] | None = None) -> dict[str, Any]:
        """Wait for the driver; what it leaves."""
        assert self.driver is not None
        driver = self.driver
        if self._mending is not None:
            self._mending.join()
        self.wait(lambda: driver.poll() is not None, "the end of the study")
        ended, whole = self.ended(), self._before["ended"]
        gone_s = self.wait(
            lambda: not any(self.trial_processes(host) for host in self.net.hosts),
            "the end of all trials' processes",
        )
        states = [line["state"] for line in ended]
        found = {
            "exit": driver.poll(),
            "states": {state: states.count(state) for state in sorted(set(states))},
            "trials_lost": sum(line not in ended for line in whole),
            "twice": len(ended) - len({line["number"] for line in ended}),
            "trial_processes_gone_s": round(gone_s, 1),
            "said": self.said(),
        }
        redone = {line["number"]: line["epochs_redone"] for line in ended}
        if facts and "affected" in facts:
            found["epochs_redone"] = [redone.get(number, 0) for number in facts["affected"]]
        return (facts or {}) | found


def sh(*words: str) -> None:
    """Run a command of the machine; its words are shown if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(words)}: {done.stderr.strip()}")
