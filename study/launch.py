"""``python -m study.launch``: search, train, report, from one command."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import shlex
import sys
from typing import Any

import yaml
from rich.console import Console

from study import cluster, identity, joining, postgres, resumed, shared, spec, storage, supervise
from study.agenda import Agenda
from study.conduct import conduct
from study.console import say
from study.ending import INTERRUPTED
from study.remote import commands as remote
from study.search import Search
from study.spec import StudySpec
from study.store import unbegun
from study.words import one_line
from trainables import flags
from trainables.config import build
from trainables.errors import ConfigError
from trainables.machine import resolve_device


def parser() -> argparse.ArgumentParser:
    """All flags: those of the launch, then every field of the spec."""
    result = flags.parser(
        "python -m study.launch",
        "Search for the best pruning schedule of a spiking network and report the Pareto front.",
        StudySpec,
    )
    launch = result.add_argument_group("launch")
    launch.add_argument("--preset", help=f"spec that ships with the project: {', '.join(spec.presets())}")
    launch.add_argument(
        "--spec", metavar="FILE", help="spec file (YAML), over the preset; flags override both"
    )
    launch.add_argument("--resume", metavar="NAME", help="go on with a study that was interrupted")
    launch.add_argument(
        "--other-code", action="store_true", help="resume although the code has changed since the study began"
    )
    launch.add_argument(
        "--dry-run", action="store_true", help="print the spec and the first suggestions; start nothing"
    )
    launch.add_argument(
        "--supervise",
        action="store_true",
        help="go on by itself (--resume) when the driver is killed or fails",
    )
    launch.add_argument(
        "--address",
        help="Ray cluster HOST:PORT, or auto; http://HOST:PORT, a cluster's job server: as --submit "
        "(default: RAY_ADDRESS, else a local Ray)",
    )
    away = result.add_argument_group("a cluster from elsewhere")
    away.add_argument("--submit", metavar="CLUSTER.yaml", help="run it there: send spec and code, follow it")
    away.add_argument(
        "--follow",
        metavar="NAME",
        help="the display of a study that runs (with --submit or --address: there)",
    )
    away.add_argument("--fetch", metavar="NAME", help="bring a study's folder and report home")
    away.add_argument("--list", action="store_true", help="all studies: state, trials, best, age")
    return result


def main(argv: list[str]) -> int:
    """0: the study is complete; 1: it ended early; 2: bad input, nothing changed; 130: interrupted."""
    console = Console()
    study_spec: StudySpec | None = None
    try:
        given, values, problems = flags.parse(parser(), argv)
        unset = _unset(given)
        address = given.address if given.address is not None else os.environ.get("RAY_ADDRESS") or None
        if given.submit is not None:
            address = None
        problems += unset + remote.problems(given, address) + _homeless(given, values, address)
        if remote.wanted(given, address) and not given.dry_run:
            if problems and (remote.asks(given) or given.resume is not None):
                raise ConfigError(problems)
            elsewhere = functools.partial(_resolved, given, values, problems, here=False)
            return remote.run(given, values, address, console, elsewhere)
        if given.resume is not None:
            study_spec = resumed.spec_of(given, values, problems)
        else:
            study_spec = _resolved(given, values, problems)
        if given.dry_run:
            _dry_run(study_spec, console)
            return 0
        if address is not None:
            address = joining.check_address(address)
        _check_output(study_spec, resume=given.resume is not None)
        if study_spec.resources.optuna_storage:
            postgres.check(study_spec.resources.optuna_storage)
        if given.supervise:
            flags_of_driver = [word for word in argv if word != "--supervise"]
            parent = supervise.command(study_spec.folder, study_spec.name, flags_of_driver)
            os.execv(parent[0], parent)
        command = shlex.join(["python", "-m", "study.launch", *argv])
        return conduct(study_spec, address, command, console, resume=given.resume is not None)
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {one_line(problem)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        begun = study_spec is not None and (study_spec.folder / "study.json").is_file()
        saved = "; what is filed is safe, --resume goes on" if begun else " before the first trial"
        print(f"interrupted{saved}", file=sys.stderr)
        return INTERRUPTED


def _unset(given: argparse.Namespace) -> list[str]:
    """One line for every flag with an empty word, which is as if it were not there from here on.

    A variable of a script that is not set must not start another study than the one that was meant. Flags for
    studies elsewhere: see ``remote.problems``.
    """
    found = [name for name in ("preset", "spec", "resume") if vars(given)[name] == ""]
    for name in found:
        setattr(given, name, None)
    return [f"--{name}: got '', must not be empty; nearest valid: leave --{name} out" for name in found]


def _homeless(given: argparse.Namespace, values: dict[str, Any], address: str | None) -> list[str]:
    """What is wrong with folders of this machine in a command that reads no spec."""
    found = []
    here = not given.submit and address is None
    if given.fetch or (here and (given.follow or given.list)):
        found += spec.homeless({"resources": values.get("resources", {})})
    if here and given.follow and storage.homeless(given.follow):
        found.append(spec.no_home("--follow", given.follow))
    return found


def _resolved(
    given: argparse.Namespace, values: dict[str, Any], problems: list[str], *, here: bool = True
) -> StudySpec:
    """The spec from preset, file and flags, or all that is wrong with them at once."""
    try:
        layered = spec.layered(given.preset, given.spec, values)
        if here:
            problems = problems + spec.homeless(layered)
        result = build(StudySpec, layered)
        if here:  # a cluster has devices and users of its own
            resolve_device(result.train.device)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    if problems:
        raise ConfigError(problems)
    return result


def _check_output(study_spec: StudySpec, *, resume: bool) -> None:
    """ConfigError where the study folder exists already, or where none can be made."""
    folder = study_spec.folder
    if folder.exists() and not resume and not unbegun(folder):
        taken = {path.name for path in folder.parent.iterdir()}
        free = next(name for n in range(2, 1_000_000) if (name := f"{study_spec.name}-{n}") not in taken)
        changed = []
        begun = (folder / "study.json").is_file()
        with contextlib.suppress(ConfigError):  # a damaged one
            if begun:
                path = folder / "study.json"
                changed = identity.differences(resumed.stored(path, path.read_bytes(), [])[0], study_spec)
        same = f"go on with it (--resume {study_spec.name}) or " if begun and not changed else ""
        raise ConfigError(
            [*changed, f"study folder {folder} exists already; {same}choose a name (--name {free})"]
        )
    if not resume:
        shared.unused(study_spec)
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    why = (
        "is not a folder"
        if not existing.is_dir()
        else ""
        if os.access(existing, os.W_OK)
        else "is not writable"
    )
    if why and resume and folder.exists():
        raise ConfigError(
            [f"--resume: {folder} {why}; make it so, or copy the study elsewhere and name that with --output"]
        )
    if why:
        raise ConfigError(
            [f"output: {folder} cannot be made: {existing} {why}; choose another with --output"]
        )


def _dry_run(study_spec: StudySpec, console: Console) -> None:
    """Print what would run. The suggestions come from a search in memory and are the real first ones."""
    text = yaml.safe_dump(json.loads(study_spec.model_dump_json()), sort_keys=False)
    say(console, text.removesuffix("\n"))
    agenda = Agenda(study_spec, Search(study_spec, None), [], [])
    total = agenda.planned()
    say(
        console,
        f"\n{total['search']} searched trials, {total['reference']} reference arms and at most "
        f"{total['confirm']} confirmation runs; the first ones:",
    )
    for _ in range(total["reference"] + min(4, total["search"])):
        suggestion = agenda.next()
        if suggestion is not None:
            label = suggestion.name or "search"
            point = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in suggestion.params.items()
            )
            say(console, f"  #{suggestion.number:<3} {label:<12} {point}")
    agenda.close()


if __name__ == "__main__":
    cluster.terminate_like_interrupt()
    sys.exit(main(sys.argv[1:]))
