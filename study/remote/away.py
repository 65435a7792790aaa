"""A cluster elsewhere: its job server, at a URL or behind ssh, and its agent."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from study.remote import manifest, route, tunnel
from study.remote.agent import Frame
from trainables.errors import ConfigError

HOME = "~/studies"  # where studies lie on the head, if not told otherwise


def is_url(address: str | None) -> bool:
    """Whether an address is a job server's; others are Ray's own."""
    return address is not None and address.startswith(("http://", "https://"))


class Away:
    """A cluster: its job server, at a URL or behind ssh, and its agent. ``open`` again mends a connection."""

    def __init__(self, file: str | None, address: str | None, *, sends: bool) -> None:
        self.route = route.read(file) if file is not None else None
        self.url = str(address).rstrip("/")
        self.sends = sends  # a job server is needed, not only of use
        self.server: Any = None  # study.nodes.jobs.Server, which imports Ray
        self._way: tunnel.Way | None = None
        self._stack = ExitStack()
        self._lock = threading.RLock()  # who follows a study and who hears its driver mend the same tunnel
        self._closed = False

    def open(self) -> None:
        """Connect. NoWayError where the cluster cannot be reached or does not let us in."""
        with self._lock:
            self._stack.close()
            self.server = self._way = None
            opened = tunnel.opened(self.route) if self.route else nullcontext(tunnel.Way(self.url))
            self._way = self._stack.enter_context(opened)
            self._enter(self._way.url)

    def _enter(self, url: str) -> None:
        tunnel.directly(url)
        try:
            tunnel.check_client()
            token = tunnel.token(self.route)
            where = f"port {self.route.port} of the head's loopback" if self.route else url
            tunnel.check_version(tunnel.check(url, token, where))
        except tunnel.NoWayError:
            if self.sends or self.route is None:
                raise
            return  # ssh is enough to ask
        from study.nodes import jobs

        self.server = jobs.Server(url, *token)

    def served(self) -> Any:
        """The job server; None while none answers. Mends the way to it: the agent's own may have held."""
        with self._lock, suppress(ConfigError, OSError):
            if self._closed:
                return None
            if self._way is None or not self._way.holds():
                self.open()
            elif self.server is None:
                self._enter(self._way.url)
        return self.server

    def close(self) -> None:
        """End the tunnel, for good."""
        self._closed = True
        if self._lock.acquire(timeout=1):  # else ``served`` is at it, in a thread that ends with this process
            self._stack.close()
            self._lock.release()

    def ask(self, request: Frame) -> Iterator[Frame]:
        """The agent's answer; OSError where the connection breaks."""
        if self.route:
            yield from tunnel.ask(self.route, request)
        elif self.server is None:
            raise OSError(f"no job server answers at {self.url}")
        else:
            yield from self.server.ask(request)

    def roots(self) -> list[str]:
        """Where studies lie there."""
        return list(dict.fromkeys([HOME, *(self.server.roots() if self.server else ())]))

    def job(self, name: str, root: str | None = None) -> tuple[str, str | None] | None:
        """The newest job of a study, in a certain place if one is told: its id, and the study's place."""
        job = self.server.job(name, root) if self.server else None
        return job and (str(job.submission_id), (job.metadata or {}).get("output"))

    def likely(self, name: str, roots: list[str]) -> list[str]:
        """Where to look for a study: first where its newest job has it, and while that runs there alone.

        It may not have begun, and an older one of its name may lie elsewhere.
        """
        job = self.job(name)
        if job is None or job[1] is None:
            return roots
        runs = self.server.ended(job[0]) is None
        return [job[1]] if runs else list(dict.fromkeys([job[1], *roots]))


@dataclass(frozen=True)
class There:
    """Where studies are that a command asks after, which may be here."""

    ask: Callable[[Frame], Iterator[Frame]]
    flags: str  # of a command line that reaches it again
    default: str  # the folder where it looks if it is told none
    again: Callable[[], None] | None = None  # mends a connection that broke; None: there is none that could
    away: Away | None = None

    def command(self, flag: str, name: str, root: str | None = None) -> str:
        """The command line that asks after a study, which lies in ``root`` or where it is looked for."""
        words = ["python -m study.launch", self.flags, flag]
        if root in (None, self.default):
            words.append(name)
        elif flag == "--fetch":  # its --output is the place here
            words.append(shlex.quote(f"{root}/{name}"))
        else:
            words.append(f"{name} --output {shlex.quote(str(root))}")
        return " ".join(filter(None, words))


def taken(there: There, name: str, roots: list[str], flag: str, say: Callable[[str], None]) -> list[str]:
    """Of several folders the first one that has the study, alone; said where others have one of that name."""
    if len(roots) == 1:
        return roots
    found: dict[str, str] = {}
    for root in roots:
        request = {"ask": "watch", "name": name, "roots": [root], "at": {}, "lease_s": 0.0}
        for frame in there.ask(request):
            if isinstance(frame.get("study"), dict):
                found.setdefault(manifest.origin(frame["study"]), root)  # one folder may have two names
    if not found:
        return roots
    first, *others = found.values()
    for other in others:
        command = there.command(flag, name, other)
        say(f"{name} is in {first} and in {other}; this is the first, the other is at: {command}")
    return [first]
