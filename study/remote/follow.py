"""Follows a study that runs elsewhere, with the display of one that runs here."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

from rich.console import Console

from study.console import Display, headline, say
from study.ending import INTERRUPTED
from study.remote.agent import ODD, Frame
from study.remote.watched import Watched, readable
from study.words import plain
from trainables.errors import ConfigError, said

LEASE_S = 600.0  # one answer of the agent; then it is asked again
AGAIN_S = 3.0  # between two tries of a connection that broke
ALONE = 3  # frames without anybody who answers for the driver, before what the files say is believed
# Of a job's log: the driver's lines for ended trials, of which the display has its own, and Ray's own words.
UNSAID = re.compile(r" *\d+/\d+  #\d+ |\S+ \S+\s+INFO \w+\.py:\d+ -- |Running entrypoint for job ")
STATUS = {"complete": 0, "interrupted": INTERRUPTED}  # exit status by the state of study.json; others: 1

Ask = Callable[[Frame], Iterator[Frame]]


def follow(
    ask: Ask,
    name: str,
    roots: list[str],
    console: Console,
    over: Callable[[], bool | None] | None = None,
    again: Callable[[], None] | None = None,
) -> Watched | None:
    """Show the study until it is over, by its own files or by ``over`` where its driver can be asked.

    ``over`` tells None while, or since, nobody answers for the driver: then the files decide again.
    Returns None where the study never came to be. ``ask`` raises OSError where a connection breaks; ``again``
    mends it.
    """
    watched: Watched | None = None
    quiet = 0  # frames without news since it was over: what was on its way then has arrived after two
    alone = 0  # frames since nobody answers for the driver, which may be for a moment
    with readable(name), ExitStack() as stack:
        waiting = console.status(f"{name}: starting") if console.is_terminal else None
        if waiting is not None:
            waiting.start()
            stack.callback(waiting.stop)
        for frame in _frames(ask, name, roots, console, again, linger=over is not None):
            if watched is None and frame.get("study"):
                watched = begun(name, frame)
                if waiting is not None:
                    waiting.stop()
                display = stack.enter_context(Display(watched, 1, console))
                display.started_at = time.monotonic() - age_s(watched)
            if watched is not None:
                watched.take(frame)
                display.slots = watched.most
            told = None if over is None else over()
            alone = alone + 1 if told is None else 0
            if (over is None or alone > ALONE) and (frame.get("over") or "state" not in frame):
                break
            news = any(frame.get(part) for part in ("asked", "trials", "epochs"))
            quiet = quiet + 1 if told and not news else 0
            if quiet > 1:
                break
    return watched


def begun(name: str, frame: Frame) -> Watched:
    """A study from its first frame; ConfigError where its study.json is none."""
    try:
        return Watched(name, frame | {"study": plain(frame["study"])})
    except ODD as error:
        raise ConfigError([f"study {name}: study.json is damaged ({said(error)})"]) from None


def first(ask: Ask, name: str, roots: list[str]) -> Frame | None:
    """The study.json of a study as it is now; None where there is none. ConfigError where it is damaged."""
    for frame in ask({"ask": "watch", "name": name, "roots": roots, "at": {}, "lease_s": 0.0}):
        if "study" in frame:
            begun(name, frame)
            study: Frame = frame["study"]
            return study
    return None


def age_s(watched: Watched) -> float:
    """Seconds since the study was begun, by the head's clock."""
    return max(0.0, watched.now - created_at(watched.study))


def created_at(study: Frame) -> float:
    """The time of study.json's ``created_at``; now where there is none that can be read."""
    from calendar import timegm

    try:
        return float(timegm(time.strptime(str(study.get("created_at")), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return time.time()


def _frames(
    ask: Ask, name: str, roots: list[str], console: Console, again: Callable[[], None] | None, *, linger: bool
) -> Iterator[Frame]:
    """One stream over leases and broken connections."""
    at: dict[str, int] = {}
    lost = False
    while True:
        try:
            request = {"ask": "watch", "name": name, "roots": roots, "at": at, "lease_s": LEASE_S}
            for frame in ask(request | {"linger": linger}):
                if "error" in frame:
                    raise ConfigError([f"study {name}: {plain(frame['error'])}"])
                if lost:
                    say(console, "connected again")
                    lost = False
                at = frame.get("at", at)
                yield frame
        except OSError as error:
            if again is None:
                raise
            if not lost:
                say(console, f"connection lost ({error}); the study goes on, trying again")
            lost = True
            time.sleep(AGAIN_S)
            with suppress(ConfigError, OSError):  # not yet
                again()


def word(console: Console) -> Callable[[str], None]:
    """Says the lines of a driver's log that the display does not have."""

    def one(line: str) -> None:
        if line.startswith("error: "):
            print(plain(line), file=sys.stderr, flush=True)
        elif not UNSAID.match(line):
            say(console, line)

    return one


def last_words(watched: Watched, console: Console) -> int:
    """What a local run says at its end; the exit status by the study's own state."""
    say(console, headline(watched.ended, watched.spec))
    say(console, f"hypervolume {watched.outcome.hypervolume:.4f}, {len(watched.ended)} trials")
    if watched.state.startswith("copy"):
        say(console, f"{watched.spec.name}: a {watched.state}; to see how it goes on, fetch it again")
    elif watched.state not in STATUS:
        say(console, f"{watched.spec.name}: its driver is gone; --resume {watched.spec.name} goes on")
    return STATUS.get(watched.state, 1)
