"""A cluster elsewhere: its job server, at a URL or behind ssh, and its agent."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from study.remote import route, tunnel
from study.remote.agent import Frame

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
        self._stack = ExitStack()

    def open(self) -> None:
        """Connect. NoWayError where the cluster cannot be reached or does not let us in."""
        self._stack.close()
        way = self._stack.enter_context(tunnel.opened(self.route)) if self.route else tunnel.Way(self.url)
        url = way.url
        tunnel.directly(url)
        try:
            tunnel.check_client()
            token = tunnel.token(self.route)
            where = f"port {self.route.port} of the head's loopback" if self.route else url
            tunnel.check_version(tunnel.check(url, token, where))
        except tunnel.NoWayError:
            if self.sends or self.route is None:
                raise
            self.server = None
            return
        from study.nodes import jobs

        self.server = jobs.Server(url, *token)

    def close(self) -> None:
        """End the tunnel."""
        self._stack.close()

    def ask(self, request: Frame) -> Iterator[Frame]:
        """The agent's answer; OSError where the connection breaks."""
        yield from tunnel.ask(self.route, request) if self.route else self.server.ask(request)

    def roots(self) -> list[str]:
        """Where studies lie there."""
        return list(dict.fromkeys([HOME, *(self.server.roots() if self.server else ())]))

    def job(self, name: str) -> str | None:
        """The newest job of a study."""
        job = self.server.job(name) if self.server else None
        return job and str(job.submission_id)
