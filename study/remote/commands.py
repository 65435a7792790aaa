"""The launch's commands for studies that run elsewhere: --submit, --follow, --fetch, --list."""

from __future__ import annotations

import argparse
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
from study.ending import INTERRUPTED
from study.remote import agent, attend, fetch, listing, parcel, sending
from study.remote.away import HOME, Away, asks, is_url
from study.remote.follow import say
from study.remote.watched import plain
from study.spec import NAME, Resources, StudySpec
from trainables.errors import ConfigError


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


def run(
    given: argparse.Namespace,
    values: dict[str, Any],
    address: str | None,
    argv: list[str],
    console: Console,
    resolved: Callable[[], StudySpec],
) -> int:
    """Exit status of the command; ConfigError: bad input, nothing sent and nothing changed."""
    try:
        return _run(given, values, address, argv, console, resolved)
    except OSError as error:
        if error.errno is not None:  # this machine's, not the connection's
            raise
        raise ConfigError([f"connection lost ({plain(str(error))}); try again"]) from None


def _run(
    given: argparse.Namespace,
    values: dict[str, Any],
    address: str | None,
    argv: list[str],
    console: Console,
    resolved: Callable[[], StudySpec],
) -> int:
    output = values.get("resources", {}).get("output")
    with ExitStack() as stack:
        if given.submit or is_url(address):
            spec = None if asks(given) or given.resume else parcel.at_home(resolved())
            away = Away(given, address)
            stack.callback(away.close)
            away.open()
            if not asks(given):
                return sending.submit(away, given, spec, output, argv, console)
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
        return attend.attend(away, ask, name, names, away.job(name) if away else None, console)


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
    if (folder / "report.html").is_file():
        say(console, f"report: {folder / 'report.html'}")
    else:
        say(
            console,
            f"no report there yet; make one: python -m analysis.report {shlex.quote(os.fspath(folder))}",
        )
    return 0
