"""Whether a study that says it runs was killed."""

from __future__ import annotations

from pathlib import Path

from analysis.files import inside

try:
    import fcntl
except ImportError:  # Windows: a report can be made there, a study cannot run
    fcntl = None  # type: ignore[assignment]


def abandoned(folder: Path) -> bool:
    """Whether no process holds the folder of a study any more.

    A driver holds a lock on `.lock`, which the kernel frees however the driver ends. A folder without the
    file was written by something else: then study.json is believed.
    """
    file = inside(folder, ".lock")
    if file is None or fcntl is None:
        return False
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # closing the file frees it
    except OSError:  # BlockingIOError: it is held; others: the file system has no locks
        return False
    return True
