"""The faults of memory and disks."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.bench import Bench, sh
from benchmarks.faults.cases import AWAY_S, Facts

ROOM_MIB = 1200  # for one trial's process that eats, and what Ray needs beside
MIB = 2**20
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN: whatever is asked of the file system ends in EIO


@contextmanager
def disk(bench: Bench, mib: int) -> Iterator[Path]:
    """A small ext4 in a file as the shared folder. Mounts and unmounts of the block reach the hosts, too."""
    image, above = bench.net.work / "disk.img", bench.net.work / "mounts"
    place = above / "disk"
    place.mkdir(parents=True)
    sh("mount", "--bind", str(above), str(above))
    sh("mount", "--make-shared", str(above))
    with image.open("wb") as file:
        file.truncate(mib * MIB)
    sh("mkfs.ext4", "-q", "-F", str(image))
    sh("mount", "-o", "loop", str(image), str(place))
    bench.shared, bench.folder = place, place / "faults"
    try:
        yield place
    finally:
        subprocess.run(["fsfreeze", "-u", str(place)], capture_output=True, check=False)
        bench.net.close()
        sh("umount", "-R", str(above))


def storage_hangs(bench: Bench) -> Facts:
    """shared storage that does not answer for 60 s (a hard NFS mount; here fsfreeze)"""
    with disk(bench, 400) as place:
        bench.cluster()
        bench.launch()
        bench.until_running()
        bench.begin()
        sh("fsfreeze", "-f", str(place))
        bench.later(AWAY_S, lambda: sh("fsfreeze", "-u", str(place)))
        return bench.end(bench.again(bench.running()))


def storage_refuses(bench: Bench) -> Facts:
    """shared storage that refuses everything for 60 s (EIO), and is mounted anew, --supervise"""
    with disk(bench, 400) as place:
        bench.cluster()
        bench.launch("--supervise")
        bench.until_running()
        bench.begin()
        shut = os.open(place, os.O_RDONLY)
        fcntl.ioctl(shut, SHUTDOWN, struct.pack("I", 0))
        os.close(shut)
        time.sleep(AWAY_S)
        sh("umount", "-l", str(place))
        image, copy = bench.net.work / "disk.img", bench.net.work / "copy.img"
        sh("cp", "--sparse=always", str(image), str(copy))  # the same one would be the same dead file system
        sh("mount", "-o", "loop", str(copy), str(place))
        return bench.end(bench.again(bench.running()))


def disk_full(bench: Bench) -> Facts:
    """the disk with the study folder, full; room again after 60 s, --supervise"""
    with disk(bench, 200) as place:
        bench.cluster()
        bench.launch("--supervise")
        bench.until_running()
        bench.begin()
        filler = place / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True, check=False)
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={place / 'rest'}", "bs=512"], capture_output=True, check=False
        )
        bench.later(AWAY_S, filler.unlink)
        return bench.end(bench.again(bench.running()))


def node_disk_full(bench: Bench) -> Facts:
    """a worker node's own disk (Ray's logs and sessions), full"""
    small = bench.net.work / f"{bench.net.prefix}1" / "ray"
    small.mkdir(parents=True)
    sh("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small))
    try:
        bench.cluster()
        bench.launch()
        bench.until_running()
        bench.begin()
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={small / 'filler'}", "bs=4k"], capture_output=True, check=False
        )
        facts = bench.again(bench.running())
        return bench.end(facts)
    finally:
        bench.net.close()
        sh("umount", str(small))


def memory_monitor(bench: Bench) -> Facts:
    """a trial that eats memory, until Ray's monitor kills it"""
    known = dict(re.findall(r"(\w+): +(\d+) kB", Path("/proc/meminfo").read_text()))
    total, free = int(known["MemTotal"]), int(known["MemAvailable"])
    share = (total - free + 2 * ROOM_MIB * 1024) / total
    bench.cluster((0, 1), {"RAY_memory_usage_threshold": f"{share:.4f}"})
    return _eaten(bench)


def kernel_kills(bench: Bench) -> Facts:
    """a trial that eats memory, until the kernel kills it (a cgroup of 1.2 GB for the node)"""
    root = Path("/sys/fs/cgroup/memory")
    own = re.search(r":memory:/(.*)", Path("/proc/self/cgroup").read_text())
    if own is None:
        raise OSError("no memory controller of cgroup v1 here")
    group = root / f"{bench.net.prefix}-faults"
    group.mkdir(exist_ok=True)
    try:
        (group / "memory.limit_in_bytes").write_text(str(ROOM_MIB * MIB))
        bench.cluster((0,))
        host = bench.net.host(1)
        (group / "cgroup.procs").write_text(str(host.pid))
        (group / "cgroup.procs").write_text(str(os.getpid()))  # its node is started from here
        host.ray(bench.head)
        (root / own[1] / "cgroup.procs").write_text(str(os.getpid()))
        bench.joined(2)
        return _eaten(bench)
    finally:
        bench.net.close()
        time.sleep(1)
        group.rmdir()


def allocation_fails(bench: Bench) -> Facts:
    """a trial that finds no memory (RLIMIT_AS of its process)"""
    bench.cluster((0, 1))
    bench.launch("--slots", "1")
    bench.until_running(1, 1)
    (pid,) = bench.trial_processes(bench.worker)
    held = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    bench.begin()
    resource.prlimit(pid, resource.RLIMIT_AS, (held + 500 * MIB, held + 500 * MIB))
    (bench.orders / "eat").touch()
    bench.wait(lambda: bench.said(), "a line about it")
    (bench.orders / "eat").unlink()  # its neighbours were the reason, as it were
    return bench.end(bench.again())


def _eaten(bench: Bench) -> Facts:
    """One trial eats, and does so again; the others do not."""
    bench.launch("--slots", "1")
    bench.until_running(1, 1)
    bench.begin()
    (bench.orders / "eat").touch()
    bench.wait(lambda: any(line["state"] == "FAIL" for line in bench.ended()), "its end")
    failed_s = bench.since()
    (bench.orders / "eat").unlink()
    facts = bench.end({"failed_s": round(failed_s, 1)})
    facts["errors"] = [line["error"] for line in bench.ended() if line["state"] == "FAIL"]
    return facts
