"""``--submit`` and ``--address URL``: a study is sent to a cluster's job server, new or to go on there."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from study import provenance
from study.console import say
from study.remote import attend, follow, parcel
from study.remote.away import Away, There
from study.resumed import unsaid
from study.spec import Resources, StudySpec, layered
from study.words import plain
from trainables.config import build
from trainables.errors import ConfigError
from trainables.flags import merge

CODE = (("train", "network"), ("space", "function"))  # where a spec may name a module of the user's


def submit(
    there: There,
    away: Away,
    given: argparse.Namespace,
    values: dict[str, Any],
    spec: StudySpec | None,
    console: Console,
) -> int:
    """Send a study and follow it; its exit status. ``spec``: None where it goes on (``--resume``)."""
    name = given.resume if spec is None else spec.name
    job = away.job(name)
    if job is not None and away.server.ended(job[0]) is None:
        watch = there.command("--follow", name, job[1])
        raise ConfigError([f"a study {name} runs there; watch it ({watch}) or choose another --name"])
    if spec is None:
        spec = resumed(there.ask, given, values)
    place = spec.resources.output
    # The place is told twice: a --resume there, as a supervisor's, looks at the flag.
    argv = ["--spec", parcel.SPEC, "--output", place, "--address", "auto"]
    argv += [] if given.resume is None else ["--resume", name]
    argv += [f"--{flag.replace('_', '-')}" for flag in ("supervise", "other_code") if getattr(given, flag)]
    with tempfile.TemporaryDirectory(prefix="spinetune-parcel") as folder:
        modules = parcel.own_modules([spec.train.network, spec.space.function])
        size = parcel.pack(Path(folder), spec, modules)
        env = {"SPINETUNE_COMMIT": provenance.commit() or ""}
        job_id = away.server.submit(name, place, argv, Path(folder), env)
    along = f", with {', '.join(sorted(path.name for path in modules))}" if modules else ""
    say(console, f"sent: {size / 2**20:.1f} MiB of code{along}; study {name} is job {job_id}")
    return attend.attend(there, name, [place], job_id, console)


def resumed(ask: follow.Ask, given: argparse.Namespace, values: dict[str, Any]) -> StudySpec:
    """The spec with which a study there goes on: the one it has, under what is given here.

    ConfigError: no such study, values that are none, or code that nobody here has named. The study's file is
    the cluster's word: a module that it names would be imported here and sent, whatever is in it. So it must
    be named again. What a study may change when it goes on is judged there.
    """
    name = given.resume
    place = parcel.from_home(values.get("resources", {}).get("output") or Resources().output)
    study = follow.first(ask, name, [place])
    if study is None:
        raise ConfigError([f"--resume: no study {name} there (in {place}); --list shows what there is"])
    stored = plain(study)["spec"]
    whole = given.preset is not None or given.spec is not None  # then nothing is taken from there, as here
    ours = layered(given.preset, given.spec, values) if whole else values
    result = merge({} if whole else stored, ours)
    kept, named = stored.get("resources"), ours.get("resources", {})
    problems = unsaid(kept, named) if isinstance(kept, dict) and isinstance(named, dict) else []
    if values.get("name", name) != name:
        problems.append(f"name: the study has {name!r}, given {values['name']!r}")
    for group, key in CODE:
        named = _leaf(stored, group, key)
        if isinstance(named, str) and ":" in named and _leaf(ours, group, key) != named:
            problems.append(
                f"--resume: {key}: the study has {named!r}, a module, which is sent from here only if it is "
                f"named here; nearest valid: name the same with --{key}, or in --spec"
            )
            if key == "function" and not whole:  # whose module is run to look for more problems
                result = merge(result, {group: {key: ""}})
    try:
        spec = build(StudySpec, merge(result, {"name": name, "resources": {"output": place}}))
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    if problems:
        raise ConfigError(problems)
    return parcel.at_home(spec)


def _leaf(values: Any, group: str, key: str) -> Any:
    inner = values.get(group)
    return inner.get(key) if isinstance(inner, dict) else None
