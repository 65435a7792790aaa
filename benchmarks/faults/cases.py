"""The faults. Each is a function of the bench; its docstring is its row's title."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from benchmarks.faults.bench import Bench, sh

Facts = dict[str, Any]
CUT_S, SHORT_CUT_S, AWAY_S = 90.0, 20.0, 60.0


def trial_worker(bench: Bench) -> Facts:
    """a trial's process, kill -9"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    pid = bench.trial_processes(bench.worker)[0]
    bench.begin()
    os.kill(pid, signal.SIGKILL)
    return bench.end(bench.again())


def worker_node(bench: Bench) -> Facts:
    """a worker node, switched off for good"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    bench.worker.power_off()
    return bench.end(bench.again())


def short_cut(bench: Bench) -> Facts:
    """a worker node's link, down for 20 s"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    bench.worker.link(False)
    bench.later(SHORT_CUT_S, lambda: bench.worker.link(True))
    return bench.end(bench.again(bench.running()))


def cut(bench: Bench) -> Facts:
    """a worker node's link, down for 90 s"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    bench.worker.link(False)
    bench.later(CUT_S, lambda: bench.worker.link(True))
    return bench.end(bench.again())


def driver(bench: Bench) -> Facts:
    """the driver, kill -9, with --supervise"""
    bench.cluster()
    bench.launch("--supervise")
    bench.until_running()
    (pid,) = [pid for pid in bench.driver_pids() if "--resume" not in _title(pid)]
    bench.begin()
    os.kill(pid, signal.SIGKILL)
    return bench.end(bench.again(bench.running()))


def local_driver(bench: Bench) -> Facts:
    """the driver of a local Ray, kill -9: what is left of Ray"""
    host = bench.net.host(2)
    before = set(host.processes())
    bench.launch("--slots", "1", local=True)
    bench.until_running(1, 0)
    (pid,) = bench.driver_pids()
    bench.begin()
    os.kill(pid, signal.SIGKILL)
    gone = bench.wait(lambda: not set(host.processes()) - before - _sleeps(host), "the end of all processes")
    left = len(list((host.folder / "tmp").glob("spinetune-*")))
    facts = {"processes_gone_s": round(gone, 1), "folders_left": left}
    bench.launch("--slots", "1", resume=True, local=True)
    return bench.end(facts | bench.again(bench.running()))


def head_node(bench: Bench) -> Facts:
    """the head with the driver on it, switched off; a new head 5 s later, --resume by hand"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    bench.head.power_off()
    time.sleep(5)
    bench.head.power_on()
    bench.head.ray(bench.head)
    bench.joined(1)
    bench.launch(resume=True)
    facts = bench.again(bench.running())
    facts["worker_back_s"] = round(bench.joined(2) and bench.since(), 1)
    return bench.end(facts)


def gcs(bench: Bench) -> Facts:
    """Ray's head process (GCS), kill -9; the node starts Ray again, --supervise"""
    bench.cluster()
    bench.launch("--supervise")
    bench.until_running()
    (pid,) = [
        pid for pid, title in bench.head.processes().items() if title.split()[0].endswith("/gcs_server")
    ]
    bench.begin()
    os.kill(pid, signal.SIGKILL)
    time.sleep(20)
    for left, title in bench.head.processes().items():
        if "/raylet/raylet" in title.split()[0]:
            os.kill(left, signal.SIGKILL)
    bench.head.ray(bench.head)
    return bench.end(bench.again(bench.running()))


def gcs_alone(bench: Bench) -> Facts:
    """Ray's head process (GCS), kill -9, and nobody starts it again"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    (pid,) = [
        pid for pid, title in bench.head.processes().items() if title.split()[0].endswith("/gcs_server")
    ]
    bench.begin()
    os.kill(pid, signal.SIGKILL)
    assert bench.driver is not None
    ended = bench.wait(lambda: bench.driver and bench.driver.poll() is not None, "the driver's end")
    return bench.end({"driver_ended_s": round(ended, 1)})


def hang(bench: Bench) -> Facts:
    """a trial that hangs (its process sleeps)"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    (bench.orders / "hang").touch()
    return bench.end(bench.again())


def stopped(bench: Bench) -> Facts:
    """a trial's process that is stopped (SIGSTOP)"""
    bench.cluster()
    bench.launch()
    bench.until_running()
    bench.begin()
    os.kill(bench.trial_processes(bench.worker)[0], signal.SIGSTOP)
    return bench.end(bench.again())


def late_node(bench: Bench) -> Facts:
    """a node that joins late"""
    bench.cluster((1,))
    bench.launch("--trials", "10")
    bench.until_running(1, 0)
    host = bench.net.host(1)
    bench.begin()
    host.ray(bench.head)
    joined = bench.joined(2)
    both = bench.wait(lambda: len(bench.filed()) == 2 or bench.over(), "two trials at once")
    return bench.end({"joined_s": round(joined, 1), "again_s": round(joined + both, 1)})


def clock(bench: Bench) -> Facts:
    """a worker node whose clock is an hour ahead"""
    library = bench.net.work / "ahead.so"
    source = Path(__file__).with_name("ahead.c")
    sh("cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source))
    fake = {"LD_PRELOAD": str(library)}
    bench.cluster(worker=fake)
    bench.launch()
    bench.until_running()
    pid = bench.trial_processes(bench.worker)[0]
    assert str(library) in Path(f"/proc/{pid}/maps").read_text()
    bench.begin()
    os.kill(pid, signal.SIGKILL)  # a retry on top: whose clock is wrong still goes on from its checkpoint
    return bench.end(bench.again())


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _sleeps(host: Any) -> set[int]:
    return {pid for pid, title in host.processes().items() if title.startswith("sleep ")}
