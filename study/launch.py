"""``python -m study.launch``: search, train, report, from one command."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from study import cluster, identity, joining, postgres, received, shared, spec, supervise
from study.agenda import Agenda
from study.conduct import conduct
from study.ending import INTERRUPTED
from study.remote import commands as remote
from study.search import Search
from study.space import space_hash
from study.spec import StudySpec
from trainables import flags
from trainables.config import build
from trainables.errors import ConfigError, unknown
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
        address = given.address if given.address is not None else os.environ.get("RAY_ADDRESS") or None
        if given.submit:
            address = None
        problems += remote.problems(given, address)
        if remote.wanted(given, address) and not given.dry_run:
            if problems and (remote.asks(given) or given.resume is not None):
                raise ConfigError(problems)
            elsewhere = functools.partial(_resolved, given, values, problems, here=False)
            return remote.run(given, values, address, console, elsewhere)
        if given.resume is not None:
            study_spec = _resumed(given, values, problems)
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
            print(f"error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        begun = study_spec is not None and (study_spec.folder / "study.json").is_file()
        saved = "; what is filed is safe, --resume goes on" if begun else " before the first trial"
        print(f"interrupted{saved}", file=sys.stderr)
        return INTERRUPTED


def _resolved(
    given: argparse.Namespace, values: dict[str, Any], problems: list[str], *, here: bool = True
) -> StudySpec:
    """The spec from preset, file and flags, or all that is wrong with them at once."""
    try:
        result = build(StudySpec, spec.layered(given.preset, given.spec, values))
        if here:  # a cluster has devices of its own
            resolve_device(result.train.device)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    if problems:
        raise ConfigError(problems)
    return result


def _resumed(given: argparse.Namespace, values: dict[str, Any], problems: list[str]) -> StudySpec:
    """The spec of a study that exists. Budget and resources may change, the budget upwards; nothing else."""
    problems = list(problems)
    output = values.get("resources", {}).get("output", spec.Resources().output)
    root = Path(output).expanduser().absolute()
    path = root / given.resume / "study.json"
    text = _text(path, problems)
    if text is None:
        text = _elsewhere(given.resume, values, problems)
    if text is None:
        names = sorted(found.parent.name for found in root.glob("*/study.json"))
        raise ConfigError([*problems, f"--resume: {unknown('study', given.resume, names)} (in {root})"])
    received.check(path.parent)
    stored, code, hashed = _stored(path, text, problems)
    received.check_modules(stored)
    if stored.name != path.parent.name:  # it would go on in the folder of its name, perhaps another study's
        moved = f"--resume: {path.parent} holds {stored.name!r}; nearest valid: name the folder so again"
        raise ConfigError([*problems, moved])
    place = {"name": stored.name, "resources": {"output": str(root)}}
    try:
        if given.preset or given.spec:
            fresh = spec.layered(given.preset, given.spec, values)
            result = build(StudySpec, flags.merge(fresh, place))
        else:
            result = build(StudySpec, flags.merge(stored.model_dump(), flags.merge(values, place)))
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    changed = identity.differences(stored, result)
    if values.get("name", stored.name) != stored.name:
        changed.append(f"name: the study has {stored.name!r}, given {values['name']!r}")
    if changed:
        problems += [
            *changed,
            f"--resume {stored.name}: nearest valid: without these, or another --name",
        ]
    for name in ("trials", "confirm", "confirm_at_most"):
        least, wanted = getattr(stored.search, name), getattr(result.search, name)
        if wanted < least:
            flag = name.replace("_", "-")
            problems.append(f"--{flag}: got {wanted}, a budget can only grow; nearest valid: {least}")
    other = identity.other_code(code)
    if stored.space.function and hashed != space_hash(stored.space):
        other.append(f"space.function: {stored.space.function} has changed since the study began")
    if other and not given.other_code:
        problems += [*other, "code: results may differ; go on nonetheless with --other-code"]
    if problems:
        raise ConfigError(problems)
    return result


def _text(path: Path, problems: list[str]) -> bytes | None:
    """What a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # its storage is away
        raise ConfigError([*problems, f"--resume: {path} cannot be read ({error.strerror})"]) from None


def _elsewhere(name: str, values: dict[str, Any], problems: list[str]) -> bytes | None:
    """study.json of a study that another head left in the shared storage."""
    resources = values.get("resources", {})
    if not resources.get("storage"):
        return None
    try:
        place = build(StudySpec, {"name": name, "resources": {"storage": resources["storage"]}}).place
        return shared.held_there(place)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None


def _stored(path: Path, text: bytes, problems: list[str]) -> tuple[StudySpec, dict[str, str], str]:
    """The spec in the text of a study.json, what it was computed with, and the hash of its space."""
    try:
        study = json.loads(text)
        return build(StudySpec, study["spec"]), dict(study.get("code", {})), str(study.get("space_hash"))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError([*problems, f"--resume: {path} is damaged, it holds no study: {error}"]) from None


def _check_output(study_spec: StudySpec, *, resume: bool) -> None:
    """ConfigError where the study folder exists already, or where none can be made."""
    folder = study_spec.folder
    if folder.exists() and not resume:
        taken = {path.name for path in folder.parent.iterdir()}
        free = next(name for n in range(2, 1_000_000) if (name := f"{study_spec.name}-{n}") not in taken)
        changed = []
        begun = (folder / "study.json").is_file()
        with contextlib.suppress(ConfigError):  # a damaged one
            if begun:
                path = folder / "study.json"
                changed = identity.differences(_stored(path, path.read_bytes(), [])[0], study_spec)
        same = f"go on with it (--resume {study_spec.name}) or " if begun and not changed else ""
        raise ConfigError(
            [*changed, f"study folder {folder} exists already; {same}choose a name (--name {free})"]
        )
    if study_spec.place and not resume and shared.held_there(study_spec.place) is not None:
        raise ConfigError(
            [
                f"storage: {study_spec.place} holds a study already; nearest valid: go on with it (--resume "
                f"{study_spec.name}), or choose a name with --name"
            ]
        )
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    why = (
        "is not a folder"
        if not existing.is_dir()
        else ""
        if os.access(existing, os.W_OK)
        else "is not writable"
    )
    if why and folder.exists():
        raise ConfigError(
            [f"--resume: {folder} {why}; make it so, or copy the study elsewhere and name that with --output"]
        )
    if why:
        raise ConfigError(
            [f"output: {folder} cannot be made: {existing} {why}; choose another with --output"]
        )


def _dry_run(study_spec: StudySpec, console: Console) -> None:
    """Print what would run. The suggestions come from a search in memory and are the real first ones."""
    console.print(
        yaml.safe_dump(json.loads(study_spec.model_dump_json()), sort_keys=False), end="", highlight=False
    )
    agenda = Agenda(study_spec, Search(study_spec, None), [], [])
    total = agenda.planned()
    console.print(
        f"\n{total['search']} searched trials, {total['reference']} reference arms and at most "
        f"{total['confirm']} confirmation runs; the first ones:",
        highlight=False,
        soft_wrap=True,
    )
    for _ in range(total["reference"] + min(4, total["search"])):
        suggestion = agenda.next()
        if suggestion is not None:
            label = suggestion.name or "search"
            point = ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                for key, value in suggestion.params.items()
            )
            console.print(f"  #{suggestion.number:<3} {label:<12} {point}", highlight=False, soft_wrap=True)
    agenda.close()


if __name__ == "__main__":
    cluster.terminate_like_interrupt()
    sys.exit(main(sys.argv[1:]))
