"""Ends what a killed driver leaves of its own Ray. Run as a script, with the standard library alone.

Ray's processes die with the driver, but two agents first try for a minute to tell the dead head about it
(measured: alive 60 s after ``kill -9``), and the driver's folder in /tmp stays. Standard input is a pipe from
the driver: it ends with the driver, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

GRACE_S = 2.0  # most of Ray's processes see by themselves that the driver is gone
TRIES = 20


def belonging(folder: str) -> set[int]:
    """Ray's processes that name ``folder`` in their command line or environment, or have a file open in it.

    By file as well: a process that changes its title overwrites both of the others.
    """
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                title = (entry / "cmdline").read_bytes()
                if b"ray" in title and (
                    folder.encode() in title + (entry / "environ").read_bytes() or _opened(entry, folder)
                ):
                    found.add(int(entry.name))
    return found


def _opened(entry: Path, folder: str) -> bool:
    return any(str(file.readlink()).startswith(f"{folder}/") for file in (entry / "fd").iterdir())


def main(folder: str) -> None:
    """Wait for the end of standard input, then clear."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # for the driver, which tells by its end
    while os.read(0, 1):
        pass
    # Also where it ended in order and has removed the folder: an agent may have made it again, for its log.
    time.sleep(GRACE_S)
    for _ in range(TRIES):
        left = belonging(folder)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.2)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
