"""Work in one background thread, so that a slow suggestion does not keep the event loop from its trials."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """One call at a time, in one thread of its own: ``start`` it, ``poll`` until its result is there.

    Around an Optuna study, in memory or in an SQLite file, nothing needs a lock as long as the background
    thread alone asks (``study.sampler = ...``, ``study.ask()``, ``suggest_*``) and the main thread alone
    tells (``tell``, ``set_constraint``, ``set_user_attr``) trials whose asking has been polled: the storage
    locks its cache, every thread has a database session of its own, and a Gaussian process computes outside
    of any transaction. What must not be: asking in two threads (``study.sampler`` is one attribute), a
    storage that is closed before this is, and ``sqlite:///:memory:``, where every thread would see an empty
    database of its own (InMemoryStorage is shared, and locks itself).
    """

    def __init__(self, name: str = "ahead") -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work: Future[T] | None = None

    @property
    def busy(self) -> bool:
        """Whether a call was started whose result has not been polled."""
        return self._work is not None

    def start(self, call: Callable[[], T]) -> None:
        """Begin ``call()``; RuntimeError where the result of the one before has not been polled."""
        if self.busy:
            raise RuntimeError("a call is under way: poll its result before the next one starts")
        self._work = self._thread.submit(call)

    def poll(self, wait_s: float = 0.0) -> T | None:
        """The result, once; None while there is none. What the call raised is raised here, once.

        Where None is a result, ``busy`` tells: it is False then.

        ``wait_s``: wait so long for a result, so that quick calls do not cost a second look.
        """
        work = self._work
        if work is None or not wait([work], timeout=wait_s).done:
            return None
        self._work = None
        return work.result()

    def close(self) -> None:
        """Wait for a call that is under way, drop its result, end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._work = None
