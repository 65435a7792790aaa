"""``--follow``, and what comes after a study was sent: its display, its driver's words, its exit status."""

from __future__ import annotations

import signal

from rich.console import Console

from study.console import say
from study.ending import INTERRUPTED
from study.remote import follow
from study.remote.away import There
from study.remote.watched import Watched
from trainables.errors import ConfigError


def attend(there: There, name: str, roots: list[str], job: str | None, console: Console) -> int:
    """Follow a study until it is over or Ctrl-C leaves it; its exit status."""
    root = roots[0] if len(roots) == 1 else None
    try:
        if there.away is None or job is None:
            watched = follow.follow(there.ask, name, roots, console, again=there.again)
            return _last_words(watched, name, roots, console)
        from study.nodes.jobs import Words

        words = Words(there.away.served, job, follow.word(console))
        words.start()
        watched = follow.follow(there.ask, name, roots, console, over=words.over, again=there.again)
        if words.end is None:  # the job server has forgotten the job, or is gone
            return _last_words(watched, name, roots, console)
        return _ended(words.end, name, there.command("--fetch", name, root), console)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would cut the next lines off
        back = there.command("--follow", name, root)
        say(console, f"detached; {name} goes on. Come back with: {back}")
        return INTERRUPTED


def _last_words(watched: Watched | None, name: str, roots: list[str], console: Console) -> int:
    if watched is None:
        raise ConfigError([f"--follow: no study {name} (in {', '.join(roots)}); --list shows what there is"])
    return follow.last_words(watched, console)


def _ended(end: tuple[int, str], name: str, home: str, console: Console) -> int:
    """The study's own exit status; ``home``: the command that fetches it."""
    code, message = end
    if code not in (0, 1, 2, INTERRUPTED):
        say(console, f"the driver of {name} was killed (exit status {code}); --resume {name} goes on")
        code = 1
    elif code == 1 and message and "exit code" not in message:  # the job never came to run
        say(console, message.strip().splitlines()[-1])
    if code != 2:
        say(console, f"bring it home: {home}")
    return code
