"""The launch's commands for studies that run elsewhere: --submit, --follow, --fetch, --list."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from study import cluster, joining, provenance
from study.ending import INTERRUPTED
from study.remote import agent, fetch, follow, listing, parcel, route, tunnel
from study.remote.agent import Frame
from study.remote.follow import say
from study.spec import NAME, Resources, StudySpec
from trainables.errors import ConfigError

HOME = "~/studies"  # where studies lie on the head, if not told otherwise


def is_url(address: str | None) -> bool:
    """Whether an address is a job server's; others are Ray's own."""
    return address is not None and address.startswith(("http://", "https://"))


def wanted(given: argparse.Namespace, address: str | None) -> bool:
    """Whether the command line is for this file."""
    return bool(given.submit or given.follow or given.fetch or given.list or is_url(address))


def problems(given: argparse.Namespace, address: str | None) -> list[str]:
    """What does not go together, and names that are none."""
    flags = {name: getattr(given, name) for name in ("follow", "fetch", "list", "resume", "dry_run")}
    together = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value]
    found = []
    if len(together) > 1:
        found.append(f"{' and '.join(together)}: one of them at a time")
    if given.submit and given.address is not None:
        found.append("--submit and --address both name the cluster; leave one out")
    if given.fetch and not given.submit and address is None:
        found.append("--fetch: from where? Name the cluster: --submit CLUSTER.yaml, or --address")
    for flag in ("follow", "fetch"):
        name = flags[flag]
        place, _, last = (name or "a").rpartition("/")
        if not NAME.fullmatch(last) or (place and place[0] not in "/~"):
            must = "must be a study's name, e.g. digits, or its folder there; --list shows them"
            found.append(f"--{flag}: got {name!r}, {must}")
    return found


class Away:
    """A cluster: its job server, at a URL or behind ssh, and its agent. ``open`` again mends a connection."""

    def __init__(self, given: argparse.Namespace, address: str | None) -> None:
        self.flags = f"--submit {shlex.quote(given.submit)}" if given.submit else f"--address {address}"
        self.route = route.read(given.submit) if given.submit else None
        self.url = str(address).rstrip("/")
        self.sends = not _asks(given)  # a job server is needed, not only of use
        self.server: Any = None  # study.nodes.jobs.Server, which imports Ray
        self.lacks = ""  # why there is none
        self._stack = ExitStack()

    def open(self) -> None:
        """Connect. NoWayError where the cluster cannot be reached or does not let us in."""
        self._stack.close()
        url = self._stack.enter_context(tunnel.opened(self.route)) if self.route else self.url
        tunnel.directly(url)
        try:
            tunnel.check_client()
            token = tunnel.token(self.route)
            where = f"port {self.route.port} of the head's loopback" if self.route else url
            tunnel.check_version(tunnel.check(url, token, where))
        except tunnel.NoWayError as error:
            if self.sends or self.route is None:
                raise
            self.server, self.lacks = None, error.problems[0]
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


def run(
    given: argparse.Namespace,
    values: dict[str, Any],
    address: str | None,
    argv: list[str],
    console: Console,
    resolved: Callable[[], StudySpec],
) -> int:
    """Exit status of the command; ConfigError: bad input, nothing sent and nothing changed."""
    output = values.get("resources", {}).get("output")
    with ExitStack() as stack:
        if given.submit or is_url(address):
            spec = None if _asks(given) or given.resume else parcel.at_home(resolved())
            away = Away(given, address)
            stack.callback(away.close)
            away.open()
            if not _asks(given):
                return _submit(away, given, spec, output, argv, console)
            names = away.roots()
            ask, again = away.ask, away.open
        elif address is not None:
            address = joining.check_address(address)
            stack.enter_context(cluster.running(address))
            from study.nodes import head

            away, ask, again = None, head.ask, lambda: None
            names = [HOME]
        else:
            away, ask, again, names = None, agent.answers, lambda: None, [output or Resources().output]
        if given.list:
            there = output and (away or address)
            return _list(ask, [parcel.from_home(output)] if there else names, console)
        place, _, name = (given.fetch or given.follow).rpartition("/")
        names = [place] if place else names
        if given.fetch:
            return _fetch(ask, again, name, names, Path(output or Resources().output), console)
        return _follow(away, ask, name, names, away.job(name) if away else None, console)


def _asks(given: argparse.Namespace) -> bool:
    return bool(given.follow or given.fetch or given.list)


def _submit(
    away: Away,
    given: argparse.Namespace,
    spec: StudySpec | None,
    output: str | None,
    argv: list[str],
    console: Console,
) -> int:
    name = spec.name if spec else given.resume
    place = spec.resources.output if spec else parcel.from_home(output or Resources().output)
    job = away.job(name)
    if job is not None and away.server.ended(job) is None:
        raise ConfigError(
            [f"a study {name} runs there; watch it ({away.flags} --follow {name}) or choose another --name"]
        )
    if spec:
        named = [spec.train.network, spec.space.function]
    else:  # as the study there has them
        stored = follow.first(away.ask, name, [place])
        if stored is None:
            raise ConfigError([f"--resume: no study {name} there (in {place}); --list shows what there is"])
        named = [stored["spec"]["train"].get("network"), stored["spec"]["space"].get("function")]
    with tempfile.TemporaryDirectory(prefix="spinetune-parcel") as folder:
        modules = parcel.own_modules(named)
        size = parcel.pack(Path(folder), spec, modules)
        arguments = ["--spec", parcel.SPEC] if spec else [*parcel.resumption(argv), "--output", place]
        env = {"SPINETUNE_COMMIT": provenance.commit() or ""}
        job_id = away.server.submit(name, place, [*arguments, "--address", "auto"], Path(folder), env)
    along = f", with {', '.join(sorted(path.name for path in modules))}" if modules else ""
    say(console, f"sent: {size / 2**20:.1f} MiB of code{along}; study {name} is job {job_id}")
    return _follow(away, away.ask, name, [place], job_id, console)


def _follow(
    away: Away | None, ask: fetch.Ask, name: str, roots: list[str], job: str | None, console: Console
) -> int:
    flags = f"{away.flags} " if away else ""
    try:
        if away is None or job is None:
            watched = follow.follow(ask, name, roots, console, again=away.open if away else None)
            if watched is None:
                raise ConfigError(
                    [f"--follow: no study {name} (in {', '.join(roots)}); --list shows what there is"]
                )
            return follow.last_words(watched, console)
        from study.nodes.jobs import Words

        words = Words(lambda: away.server, job, follow.word(console))
        words.start()
        follow.follow(ask, name, roots, console, over=words.over.is_set, again=away.open)
        return _ended(away, job, name, console)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would cut the next lines off
        back = f"python -m study.launch {flags}--follow {name}"
        say(console, f"detached; {name} goes on. Come back with: {back}")
        return INTERRUPTED


def _ended(away: Away, job: str, name: str, console: Console) -> int:
    """The study's own exit status."""
    code, message = away.server.ended(job) or (1, "")
    if code not in (0, 1, 2, INTERRUPTED):
        say(console, f"the driver of {name} was killed (exit status {code}); --resume {name} goes on")
        code = 1
    elif code == 1 and message and "exit code" not in message:  # the job never came to run
        say(console, message.strip().splitlines()[-1])
    if code != 2:
        say(console, f"bring it home: python -m study.launch {away.flags} --fetch {name}")
    return code


def _list(ask: fetch.Ask, roots: list[str], console: Console) -> int:
    rows = []
    for frame in ask({"ask": "list", "roots": roots}):
        if "error" in frame:
            raise ConfigError([f"--list: {frame['error']}"])
        rows.append(listing.row(frame))
    if not rows:
        say(console, f"no studies in {', '.join(roots)}")
    for line in listing.table(rows) if rows else ():
        say(console, line)
    return 0


def _fetch(
    ask: fetch.Ask, again: Callable[[], None], name: str, roots: list[str], output: Path, console: Console
) -> int:
    output = output.expanduser().absolute()
    columns = (
        TextColumn(f"{name}: {{task.description}}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("fetching", total=None)
        brought = 0

        def told(done: int, total: int) -> None:
            nonlocal brought
            brought = total
            progress.update(task, completed=done, total=total)

        try:
            folder, there = fetch.fetch(ask, name, roots, output, told, again)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            say(console, "interrupted; the same command goes on with what has arrived")
            return INTERRUPTED
    took = time.monotonic() - began
    size = f"{len(there.files)} files, {brought / 2**20:.1f} MiB new in {took:.0f} s"
    say(console, f"{name} ({there.state}): {size}, verified, folder {folder}")
    if there.left:
        say(console, there.left)
    if (folder / "report.html").is_file():
        say(console, f"report: {folder / 'report.html'}")
    else:
        say(
            console,
            f"no report there yet; make one: python -m analysis.report {shlex.quote(os.fspath(folder))}",
        )
    return 0
