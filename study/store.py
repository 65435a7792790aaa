"""The study folder: append-only JSON lines, fsynced, readable with nothing but a JSON parser.

    study.json     what the study is: replaced as a whole, atomically
    asked.jsonl    one line per trial that was started
    trials.jsonl   one line per ended trial
    epochs.jsonl   one line per trial and epoch
    checkpoints/   the state of every running trial, and of the ended ones whose network may be wanted
    models/        the front's networks, baked, and index.json
    optuna.db, tune/, report.html   written by Optuna, Ray Tune and the report

A crash can tear the last line of a .jsonl file. Readers drop exactly that line; the writer cuts it off
before it appends, so that a torn line never ends up in the middle.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from study import storage
from trainables.errors import ConfigError

FORMAT = 1
BOOKS = ("asked.jsonl", "trials.jsonl", "epochs.jsonl")


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` so that a crash at any moment leaves the old file or the new one."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


class Lines:
    """One append-only .jsonl file. Each ``append`` is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = self._cut_torn_line()
        self._file: IO[bytes] = path.open("ab", buffering=0)
        self._size = path.stat().st_size  # of whole lines
        self._sound = True  # False: a write failed, and the file may be another one now, with half a line

    def _cut_torn_line(self) -> bytes:
        """Remove what follows the last newline; returns it (empty: nothing was torn)."""
        if not self.path.exists():
            return b""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        return content[len(whole) :]

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line. One write call: a crash leaves the line whole, torn at the end, or absent.

        OSError where the disk takes no more; what it took of the line is cut off by the next who opens.
        """
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        if not self._sound:
            self._reopen()
        self._sound = False
        if os.write(self._file.fileno(), line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file.fileno())
        self._size += len(line)
        self._sound = True

    def _reopen(self) -> None:
        """After a refused write: a mount that came back has the file, and of the line anything or nothing.

        OSError (ESTALE) while it is not back: an empty mount point has no such file, or a shorter one.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = -1
        if size < self._size:
            raise OSError(errno.ESTALE, f"{self.path} is not there")
        with contextlib.suppress(OSError):  # of a mount that is no more
            self._file.close()
        self._file = self.path.open("ab", buffering=0)
        os.ftruncate(self._file.fileno(), self._size)

    def read(self) -> list[dict[str, Any]]:
        """All rows written so far; ConfigError where a line is no JSON."""
        rows = []
        for at, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                damaged = f"{self.path}, line {at}, is damaged ({error}); remove the line and try again"
                raise ConfigError([damaged]) from None
        return rows

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(
            OSError
        ):  # all lines are on the disk; a mount that is gone refuses even this
            self._file.close()


class Store:
    """The files of one study that are ours to write.

    ``checkpoints``: where the states of trials lie, if not in the study folder (see ``storage``).
    ``patiently``: runs a write again while the disk is away. ``remove``: takes a state away, now or later.
    ``changed``: called after every line.
    """

    def __init__(self, folder: Path, checkpoints: str | None = None) -> None:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        for left in (folder / "checkpoints").glob("*.part"):  # of a process that was killed while it wrote
            left.unlink()
        self.folder = folder
        self.checkpoints = checkpoints or str(folder / "checkpoints")
        self.asked = Lines(folder / "asked.jsonl")
        self.trials = Lines(folder / "trials.jsonl")
        self.epochs = Lines(folder / "epochs.jsonl")
        self.study: dict[str, Any] = {}
        self.patiently: Callable[[Callable[[], None]], None] = storage.patiently
        self.remove: Callable[[str], None] = storage.remove
        self.changed: Callable[[], None] = lambda: None

    @property
    def notices(self) -> list[str]:
        """What opening the files had to mend."""
        files = (self.asked, self.trials, self.epochs)
        return [f"the torn last line of {file.path.name} was cut off" for file in files if file.torn]

    def update(self, **entries: Any) -> None:
        """Change entries of study.json."""
        self.study |= entries
        write_json(self.folder / "study.json", self.study)

    def load(self) -> dict[str, Any]:
        """Read study.json of a study that exists."""
        self.study = json.loads((self.folder / "study.json").read_text(encoding="utf-8"))
        return self.study

    def checkpoint(self, number: int) -> str:
        """The location of a trial's state, if there is one."""
        return storage.join(self.checkpoints, f"trial-{number:04d}.pt")

    def discard(self, number: int) -> None:
        """Remove the state of a trial that has ended. One that cannot be removed now stays for good."""
        with contextlib.suppress(OSError):
            self.remove(self.checkpoint(number))

    def sweep(self, unwanted: Iterable[int]) -> None:
        """Remove states that are there again: a process was writing one when its trial ended."""
        with contextlib.suppress(OSError):
            there = set(storage.names(self.checkpoints))
            for number in unwanted:
                if f"trial-{number:04d}.pt" in there:
                    self.discard(number)

    @property
    def models(self) -> Path:
        """Folder of the front's networks."""
        path = self.folder / "models"
        path.mkdir(exist_ok=True)
        return path

    def close(self) -> None:
        """Close the files."""
        self.asked.close()
        self.trials.close()
        self.epochs.close()


def unbegun(folder: Path) -> bool:
    """Whether a folder holds nothing but what a launch leaves that found no room for study.json, or was
    killed before it was there: nothing of a study, nor of anybody else. False where that cannot be seen.
    """
    try:
        return folder.is_dir() and all(_without_content(path) for path in folder.iterdir())
    except OSError:
        return False


def _without_content(path: Path) -> bool:
    if path.is_symlink():
        return False
    if path.name == "checkpoints":
        return path.is_dir() and not any(path.iterdir())
    if path.name in (".lock", ".study.json.part"):
        return path.is_file()
    return path.name in BOOKS and path.is_file() and path.stat().st_size == 0


@contextlib.contextmanager
def held(folder: Path, otherwise: str = "choose another --name") -> Iterator[None]:
    """Keep other processes away from a study folder; ConfigError where another one has it.

    ``otherwise``: what to do instead of waiting for it.
    The kernel lets go of the lock with the process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = path.read_text().strip() or "another process"
            busy = f"study folder {folder} is in use by {owner}; wait for it, or {otherwise}"
            raise ConfigError([busy]) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
