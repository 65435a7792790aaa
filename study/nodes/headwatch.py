"""Is the head of the cluster still there? Ray ends the driver after a minute without, silently, from C++."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

from study import greeting, joining

LOOK_S = 1.0
ANSWER_S = 5.0
# How long connections may be refused, as they are where no process listens any more:
LOCAL_S = 5.0  # our own head is a process of this machine: gone is gone
CLUSTER_S = 40.0  # a head that keeps its state in Redis may come back
SILENT_S = 90.0  # without any answer: a link is down, or a machine is busy
CLOCK_S = 10.0  # of time between two looks no more counts: this process may have slept


def answers(address: str) -> bool | None:
    """Whether a gRPC server, as the head is one, answers at ``host:port``; None: it is refused outright."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":
                return True
            return greeting.status(connection, joining.token()[0]) is not None
    except ConnectionRefusedError:
        return None
    except OSError:
        return False


def address() -> str | None:
    """Of the head that this process is connected to; None through Ray's client, which has another one."""
    import ray

    return None if ray.util.client.ray.is_connected() else str(ray.get_runtime_context().gcs_address)


class HeadLostError(OSError):
    """The head has not answered for too long."""


class HeadWatch:
    """Calls ``lost`` once, in a thread, when the head refused for ``patience_s``, or is silent for longer.

    The main thread is of no use then: it waits inside Ray for an answer, as does whatever asks the head.
    ``lost`` is to end the process. ``address`` None: nothing is watched.
    """

    def __init__(
        self,
        address: str | None,
        patience_s: float,
        lost: Callable[[float], None],
        answers: Callable[[str], bool | None] = answers,
        look_s: float = LOOK_S,
        silence_s: float = SILENT_S,
    ) -> None:
        self.address, self.patience_s, self.lost = address, patience_s, lost
        self._answers, self._look_s, self._silence_s = answers, look_s, silence_s
        self._over, self._losing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> HeadWatch:
        if self.address is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._losing.is_set():  # the study is being ended there
            self._thread.join()

    def _watch(self) -> None:
        assert self.address is not None
        silent_s = refused_s = 0.0
        before = time.monotonic()
        while not self._over.wait(self._look_s):
            answered = self._answers(self.address)
            now = time.monotonic()
            passed, before = min(now - before, CLOCK_S), now
            silent_s = 0.0 if answered else silent_s + passed
            refused_s = refused_s + passed if answered is None else 0.0
            lost = refused_s >= self.patience_s or silent_s >= self._silence_s
            if lost and not self._over.is_set():
                self._losing.set()
                self.lost(silent_s)
                return
