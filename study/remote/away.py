"""A cluster elsewhere: its job server, at a URL or behind ssh, and its agent."""

from __future__ import annotations

import argparse
import shlex
import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from typing import Any

from study.remote import route, tunnel
from study.remote.agent import Frame
from trainables.errors import ConfigError

HOME = "~/studies"  # where studies lie on the head, if not told otherwise


def is_url(address: str | None) -> bool:
    """Whether an address is a job server's; others are Ray's own."""
    return address is not None and address.startswith(("http://", "https://"))


def asks(given: argparse.Namespace) -> bool:
    """Whether the command line asks after studies, and sends none."""
    return bool(given.follow or given.fetch or given.list)


class Away:
    """A cluster: its job server, at a URL or behind ssh, and its agent. ``open`` again mends a connection."""

    def __init__(self, given: argparse.Namespace, address: str | None) -> None:
        self.flags = f"--submit {shlex.quote(given.submit)}" if given.submit else f"--address {address}"
        self.route = route.read(given.submit) if given.submit else None
        self.url = str(address).rstrip("/")
        self.sends = not asks(given)  # a job server is needed, not only of use
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

    def job(self, name: str) -> str | None:
        """The newest job of a study."""
        job = self.server.job(name) if self.server else None
        return job and str(job.submission_id)
