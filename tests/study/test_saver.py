"""States written beside the training: the newest wins, one at a time, whatever the place does."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable

import pytest

from study.saver import Saver


def until(condition: Callable[[], object]) -> None:
    """Wait for a thread; a minute is never taken where it works."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened for a minute")


class Place:
    """Takes states when it is told to. ``refusals``: errors that the next writes end with."""

    def __init__(self, *refusals: Exception, open_: bool = True) -> None:
        self.refusals = list(refusals)
        self.free = threading.Event()
        if open_:
            self.free.set()
        self.begun: list[bytes] = []
        self.held: list[bytes] = []
        self.at_once = 0
        self._inside = 0

    def write(self, state: bytes | memoryview) -> None:
        self._inside += 1
        self.at_once = max(self.at_once, self._inside)
        self.begun.append(bytes(state))
        assert self.free.wait(60)
        self._inside -= 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.held.append(bytes(state))


def away() -> OSError:
    return OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_training_does_not_wait_and_what_is_newer_wins() -> None:
    place = Place(open_=False)
    saver = Saver(place.write)
    saver.put(b"1")
    until(lambda: place.begun)
    for state in (b"2", b"3", b"4"):
        saver.put(state)  # the place is stuck with the first
    place.free.set()
    assert saver.flush()
    assert place.held == [b"1", b"4"]
    assert place.at_once == 1


def test_every_state_arrives_where_the_place_keeps_up() -> None:
    place = Place()
    saver = Saver(place.write)
    for state in (b"1", b"2", b"3"):
        saver.put(state)
        until(lambda: place.held[-1:] == [state])  # noqa: B023
    assert place.held == [b"1", b"2", b"3"]


def test_nothing_to_flush() -> None:
    place = Place()
    saver = Saver(place.write)
    assert saver.flush()
    saver.put(b"1")
    assert saver.flush()
    assert saver.flush()
    assert place.held == [b"1"]


@pytest.mark.parametrize("refusal", [away, full])
def test_a_refused_state_is_tried_again_without_being_asked(refusal: Callable[[], OSError]) -> None:
    place = Place(refusal(), refusal())
    saver = Saver(place.write)
    saver.put(b"1")
    until(lambda: place.held)
    assert place.held == [b"1"]
    assert place.begun == [b"1"] * 3


def test_after_a_refusal_the_newest_is_tried() -> None:
    place = Place(away(), open_=False)
    saver = Saver(place.write)
    saver.put(b"1")
    until(lambda: place.begun)
    saver.put(b"2")
    place.free.set()
    until(lambda: place.held)
    assert place.held == [b"2"]


def test_flush_without_patience_tries_once() -> None:
    place = Place(*(away() for _ in range(1000)))
    saver = Saver(place.write)
    saver.put(b"1")
    until(lambda: place.begun)
    assert not saver.flush()
    place.refusals.clear()  # it is back; the state was not forgotten
    assert saver.flush()
    assert place.held == [b"1"]


def test_flush_with_patience_waits_for_a_place_that_comes_back() -> None:
    place = Place(away(), away())
    saver = Saver(place.write)
    saver.put(b"1")
    assert saver.flush(60.0)
    assert place.held == [b"1"]


def test_what_no_waiting_mends_is_said_at_once() -> None:
    place = Place(*(full() for _ in range(1000)))
    saver = Saver(place.write)
    saver.put(b"1")
    assert not saver.flush(1e9)
    saver.drop()


def test_nothing_is_begun_after_a_drop() -> None:
    """The next trial has the process; the one before is not written any more, whatever had been refused."""
    place = Place(away(), open_=False)
    saver = Saver(place.write)
    saver.put(b"1")
    until(lambda: place.begun)
    saver.put(b"2")
    saver.drop()
    place.free.set()
    assert saver._thread is not None
    saver._thread.join(60)
    assert not saver._thread.is_alive()
    assert place.begun == [b"1"]
    assert place.held == []


def test_what_is_no_refusal_is_raised() -> None:
    """A bug, or no memory: not to be tried again and again in silence."""
    saver = Saver(Place(ValueError("no such option")).write)
    saver.put(b"1")
    with pytest.raises(ValueError, match="no such option"):
        saver.flush()
    with pytest.raises(ValueError, match="no such option"):
        saver.put(b"2")
