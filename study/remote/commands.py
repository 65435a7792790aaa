"""The launch's commands for studies that run elsewhere: --submit, --follow, --fetch, --list."""

from __future__ import annotations

import argparse
import functools
import os
import shlex
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from study import cluster, joining
from study.console import say
from study.ending import INTERRUPTED
from study.remote import agent, attend, fetch, listing, parcel, route, sending
from study.remote.away import HOME, Away, There, is_url, taken
from study.spec import NAME, Resources, StudySpec
from study.words import plain
from trainables.errors import ConfigError


def wanted(given: argparse.Namespace, address: str | None) -> bool:
    """Whether the command line is for this file."""
    return given.submit is not None or asks(given) or is_url(address)


def asks(given: argparse.Namespace) -> bool:
    """Whether the command line asks after studies, and sends none."""
    return given.follow is not None or given.fetch is not None or bool(given.list)


def problems(given: argparse.Namespace, address: str | None) -> list[str]:
    """What does not go together, names that are none, and a way to a cluster that is none."""
    flags = {name: getattr(given, name) for name in ("follow", "fetch", "list", "resume", "dry_run")}
    together = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value not in (None, False)]
    found = []
    if len(together) > 1:
        found.append(f"{' and '.join(together)}: one of them at a time")
    if given.submit is not None:
        found += _way(given.submit)
        if given.address is not None:
            found.append("--submit and --address both name the cluster; leave one out")
    elif address is None:
        if given.fetch is not None:
            found.append("--fetch: from where? Name the cluster: --submit CLUSTER.yaml, or --address")
    elif not is_url(address) and (wrong := joining.malformed(address)):
        found.append(wrong)
    away = given.submit is not None or is_url(address)
    for flag in ("follow", "fetch", *(["resume"] if away else [])):
        name = flags[flag]
        place, _, last = ("a" if name is None else name).rpartition("/")
        if not NAME.fullmatch(last) or (place and (flag == "resume" or place[0] not in "/~")):
            folder = "" if flag == "resume" else ", or its folder there"
            must = f"must be a study's name, e.g. digits{folder}; --list shows them"
            found.append(f"--{flag}: got {name!r}, {must}")
    return found


def _way(file: str) -> list[str]:
    if not file:
        return ["--submit: got '', must be the cluster.yaml that 'ray up' takes"]
    try:
        route.read(file)
    except ConfigError as error:
        return error.problems
    return []


def run(
    given: argparse.Namespace,
    values: dict[str, Any],
    address: str | None,
    console: Console,
    resolved: Callable[[], StudySpec],
) -> int:
    """Exit status of the command; ConfigError: bad input, nothing sent and nothing changed."""
    try:
        with ExitStack() as stack:
            return _run(given, values, address, console, resolved, stack)
    except OSError as error:
        if error.errno is not None:  # this machine's, not the connection's
            raise
        raise ConfigError([f"connection lost ({plain(str(error))}); try again"]) from None


def _run(
    given: argparse.Namespace,
    values: dict[str, Any],
    address: str | None,
    console: Console,
    resolved: Callable[[], StudySpec],
    stack: ExitStack,
) -> int:
    output = values.get("resources", {}).get("output")
    new = not asks(given) and given.resume is None
    if output == "" and not new:  # of a new study the spec says it, with all else
        raise ConfigError(["output: got '', must be a folder; nearest valid: without --output"])
    default = Resources().output
    if given.submit is not None or is_url(address):
        spec = parcel.at_home(resolved()) if new else None
        away = Away(given.submit, address, sends=not asks(given))
        stack.callback(away.close)
        away.open()
        flags = (
            f"--submit {shlex.quote(given.submit)}" if away.route else f"--address {shlex.quote(away.url)}"
        )
        there = There(away.ask, flags, HOME, away.open, away)
        if not asks(given):
            return sending.submit(there, away, given, values, spec, console)
        roots = away.roots()
    elif address is not None:
        stack.enter_context(cluster.running(joining.check_address(address)))
        from study.nodes import head

        there, roots = There(head.ask, f"--address {shlex.quote(address)}", HOME), [HOME]
    else:
        there, roots = There(agent.answers, "", default), [output or default]
    named = [parcel.from_home(output)] if output is not None and there.flags else []
    if given.list:
        return _list(there.ask, named or roots, console)
    place, _, name = (given.fetch or given.follow).rpartition("/")
    if place:
        roots = [place]
    elif named and not given.fetch:
        roots = named
    elif there.away:
        roots = there.away.likely(name, roots)
    if not place and given.fetch:  # whose --output is the folder here, and may be the one there
        roots = list(dict.fromkeys([*named, *roots]))
    roots = taken(
        there, name, roots, "--fetch" if given.fetch else "--follow", functools.partial(say, console)
    )
    if given.fetch:
        return _fetch(there, name, roots, Path(output or default), console)
    root = roots[0] if len(roots) == 1 else None
    job = there.away.job(name, root) if there.away else None
    return attend.attend(there, name, roots, job and job[0], console)


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


def _fetch(there: There, name: str, roots: list[str], output: Path, console: Console) -> int:
    output = output.expanduser().absolute()
    again = there.again or (lambda: None)
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
            folder, what = fetch.fetch(there.ask, name, roots, output, told, again)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            say(console, "interrupted; the same command goes on with what has arrived")
            return INTERRUPTED
    took = time.monotonic() - began
    size = f"{len(what.files)} files, {brought / 2**20:.1f} MiB new in {took:.0f} s"
    say(console, f"{name} ({what.state}): {size}, verified, folder {folder}")
    if what.left:
        say(console, what.left)
    if (folder / "report.html").is_file():
        say(console, f"report: {folder / 'report.html'}")
    else:
        say(
            console,
            f"no report there yet; make one: python -m analysis.report {shlex.quote(os.fspath(folder))}",
        )
    return 0
