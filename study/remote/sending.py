"""``--submit`` and ``--address URL``: a study is sent to a cluster's job server, new or to go on there."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from study import provenance
from study.remote import attend, follow, parcel
from study.remote.away import Away
from study.remote.follow import say
from study.spec import Resources, StudySpec
from trainables.errors import ConfigError


def submit(
    away: Away,
    given: argparse.Namespace,
    spec: StudySpec | None,
    output: str | None,
    argv: list[str],
    console: Console,
) -> int:
    """Send a study and follow it; its exit status."""
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
    return attend.attend(away, away.ask, name, [place], job_id, console)
