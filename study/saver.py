"""States of one training, put into their place while the next epoch is trained. Knows no Ray.

A place may be slow (an object store beside epochs of seconds) or away for minutes. Waiting for it after every
epoch would cost training; saving less often, as was tried, costs many epochs where a process dies. So the
bytes are taken at the end of an epoch and written beside the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from study import storage

State: TypeAlias = bytes | memoryview


class Saver:
    """Writes the newest of the states that it is given, one at a time, in a thread of its own.

    ``write`` raises OSError where the place does not take it: the newest state is then tried again, with
    pauses that grow. Anything else that it raises is raised by the next call. Held in memory are two states
    at most, the one that is being written and the newest.
    """

    def __init__(self, write: Callable[[State], None]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._newest: State | None = None  # not written yet
        self._writing = False
        self._over = False
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def put(self, state: State) -> None:
        """Have a state written soon; one that still waits is forgotten for it. Returns at once."""
        with self._changed:
            self._check()
            self._newest = state
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="saver", daemon=True)
                self._thread.start()

    def flush(self, patience_s: float = 0.0) -> bool:
        """Wait until the newest state is in its place; False where the place refuses it.

        Tried once, and again for ``patience_s`` seconds where the place may come back by itself.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._writing)
            self._check()
            state, self._newest = self._newest, None
            if state is None:
                return True
            self._writing = True
        kept: State | None = state
        try:
            storage.patiently(partial(self._write, state), patience_s)
            kept = None
        except OSError:
            return False
        except Exception as error:
            self._error, self._over = error, True
            raise
        finally:
            self._written(kept)
        return True

    def drop(self) -> None:
        """Write nothing more. Returns at once; a write that has begun goes on to its end."""
        with self._changed:
            self._over, self._newest = True, None
            self._changed.notify_all()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _written(self, refused: State | None) -> None:
        """A write is over; what was refused waits again, unless there is a newer one."""
        with self._changed:
            self._writing = False
            if self._newest is None and not self._over:
                self._newest = refused
            self._changed.notify_all()

    def _next(self, pause_s: float) -> State | None:
        """The state to write, after a pause; None: none will be."""
        with self._changed:
            if pause_s:
                self._changed.wait_for(lambda: self._over, pause_s)
            self._changed.wait_for(lambda: self._over or (self._newest is not None and not self._writing))
            if self._over:
                return None
            state, self._newest, self._writing = self._newest, None, True
            return state

    def _work(self) -> None:
        first_s, longest_s = storage.PAUSES_S
        pause_s = 0.0
        while (state := self._next(pause_s)) is not None:
            kept: State | None = state
            try:
                self._write(state)
                kept, pause_s = None, 0.0
            except OSError:
                pause_s = min(2 * pause_s or first_s, longest_s)
            except Exception as error:
                self._error, self._over = error, True
            finally:
                self._written(kept)
