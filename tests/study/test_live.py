"""The report of a running study: in time, beside the driver, and harmless."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from study.live import REST, LiveReport

# Leaves a mark when it may: once the file `go` is there.
COUNT = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
while not (folder / "go").exists():
    time.sleep(0.01)
with (folder / "marks").open("a") as file:
    file.write("x")
"""


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def recorder(ended: int = 0) -> Any:
    """What a live report sees of the books."""
    return SimpleNamespace(ended=[{}] * ended, on_change=lambda: None)


def counting(folder: Path) -> Sequence[str]:
    """A command that leaves one mark."""
    return [sys.executable, "-c", COUNT, str(folder)]


def finish(live: LiveReport) -> None:
    """Wait for the report that is being made."""
    assert live._waiting is not None
    live._waiting.join(60)
    assert not live._waiting.is_alive()


def test_a_report_follows_an_ended_trial_and_rests(tmp_path: Path) -> None:
    """One for the first end; none without news; the next one only after the rest, and with all that ended."""
    clock, books = Clock(), recorder()
    with LiveReport(books, tmp_path, counting, clock) as live:
        books.on_change()
        assert live._waiting is None  # nothing has ended
        books.ended.append({})
        books.on_change()
        clock.now += 2.0  # so long does it take
        (tmp_path / "go").touch()
        finish(live)
        books.on_change()
        assert (tmp_path / "marks").read_text() == "x"
        books.ended += [{}, {}]
        clock.now += REST * 2.0 - 0.5
        books.on_change()
        assert live.reported == 1
        clock.now += 0.5
        books.on_change()
        finish(live)
        assert live.reported == 3
    assert (tmp_path / "marks").read_text() == "xx"


def test_the_driver_does_not_wait(tmp_path: Path) -> None:
    """While a report hangs no second one starts; leaving ends it and takes its torn file away."""
    books = recorder(1)
    torn = tmp_path / ".report.html.77.tmp"
    hang = [sys.executable, "-c", "import time; time.sleep(600)"]
    with LiveReport(books, tmp_path, lambda folder: hang) as live:
        books.on_change()
        first = live._process
        assert first is not None
        torn.touch()
        books.ended.append({})
        books.on_change()
        assert live._process is first
        assert first.poll() is None
    assert first.poll() is not None
    assert not torn.exists()


def test_failures_harm_nothing(tmp_path: Path) -> None:
    """A report that ends in an error, and a command that cannot start."""
    for broken in ([sys.executable, "-c", "raise SystemExit(2)"], [str(tmp_path / "missing")]):
        books = recorder(1)
        with LiveReport(books, tmp_path, lambda folder, command=broken: command) as live:
            books.on_change()
            if live._waiting is not None:
                finish(live)
            assert live.reported == 1
            assert live._not_before > 0


def test_it_stands_behind_what_was_there(tmp_path: Path) -> None:
    """The display is told first, and alone again afterwards."""
    told: list[str] = []
    books = recorder()
    books.on_change = lambda: told.append("display")
    before = books.on_change
    with LiveReport(books, tmp_path):
        books.on_change()
    assert told == ["display"]
    assert books.on_change is before
