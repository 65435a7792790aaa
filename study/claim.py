"""Who writes at a study's place in the shared storage: one driver at a time.

    STORAGE/NAME/driver.json    the driver, a key of its own, the number of its beat, whether it is over

A driver claims the place before it reads what the study has there, and lets go when its last file has
arrived: what the next one finds is then all there is. In between a thread beats, whatever else takes long.
Who finds the file unchanged for three beats takes the place over; no clock is compared. A bucket has no
locks: a driver that was followed while the storage was away for it learns that before it writes a file.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path

from study import storage
from trainables.errors import ConfigError

BEAT_S = 5.0  # between two signs of life of a driver
SILENT = 3  # beats without a change, after which a driver counts as dead


class TakenError(PermissionError):
    """Another driver has taken the study over."""

    def __init__(self, who: str) -> None:
        super().__init__(errno.EACCES, who)


class Claim:
    """Holds ``place`` while it is entered.

    ``taken``: another driver has taken the study over; this one must not write any more.
    """

    def __init__(self, place: str, beat_s: float = BEAT_S) -> None:
        self.place, self.beat_s = place, beat_s
        self.taken: str | None = None
        self._sign = {
            "driver": f"process {os.getpid()} on {socket.gethostname()}",
            "key": secrets.token_hex(8),
        }
        self._beats = 0
        self._made: list[Path] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Claim:
        """ConfigError where another driver lives: its sign of life changes. OSError: the place is no use."""
        try:
            self.folder()
            self._wait()
            self._write()
        except BaseException:
            self._release()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._release()

    def folder(self, *names: str) -> str:
        """Location of a folder at the place, made where it can be; of no study nothing is left."""
        location = storage.join(self.place, *names)
        path = Path(location)
        # Not those above: a mount point that is missing is storage that is away.
        if not storage.is_url(location) and not path.exists() and path.parent.is_dir():
            path.mkdir(exist_ok=True)
            self._made.append(path)
        return location

    def guard(self) -> None:
        """To be called before anything is written there. TakenError: no more. Other OSError: no answer."""
        if self.taken is None:
            owner = self._owner()
            if owner is None or owner.get("key") == self._sign["key"]:
                return
            self.taken = f"{owner.get('driver')} has taken the study over"
        raise TakenError(self.taken)

    # ---

    def _wait(self) -> None:
        """Until nobody else holds the place."""
        seen = self._owner()
        if seen is None or seen.get("over"):
            return
        limit = time.monotonic() + SILENT * self.beat_s
        while time.monotonic() < limit:
            time.sleep(self.beat_s / 10)
            now = self._owner()
            if now is None or now.get("over"):
                return
            if now != seen:
                raise ConfigError(
                    [f"storage: {self.place} is in use by {now.get('driver')}; wait for it, or end it"]
                )

    def _keep(self) -> None:
        while not self._over.wait(self.beat_s):
            try:
                self.guard()
                self._write()
            except TakenError:
                return
            except OSError:  # away, for ten minutes perhaps; the mirror meets the same, and tells
                continue

    def _release(self) -> None:
        """Leave a study to the next driver, and what holds none as it was before."""
        with contextlib.suppress(OSError):
            if self._beats:
                self.guard()
                if self._holds_study():
                    self._write(over=True)
                    return
                storage.remove(storage.join(self.place, "driver.json"))
            for path in reversed(self._made):
                path.rmdir()

    def _holds_study(self) -> bool:
        try:
            storage.read(storage.join(self.place, "study.json"))
        except FileNotFoundError:
            return False
        return True

    def _owner(self) -> dict[str, object] | None:
        try:
            found = json.loads(storage.read(storage.join(self.place, "driver.json")))
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, *, over: bool = False) -> None:
        self._beats += 1
        sign = {**self._sign, "beat": self._beats, "over": over}
        storage.write(storage.join(self.place, "driver.json"), json.dumps(sign).encode())
