"""``--resume``: the spec of a study that exists, from its study.json and what the command line says."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study import identity, received, shared, spec, storage
from study.space import space_hash
from study.spec import StudySpec
from trainables import flags
from trainables.config import build
from trainables.errors import ConfigError, unknown


def spec_of(given: argparse.Namespace, values: dict[str, Any], problems: list[str]) -> StudySpec:
    """The spec of a study that exists. Budget and resources may change, the budget upwards; nothing else.

    ``values``: the flags of the spec; ``problems``: what is wrong with the command line already. ConfigError
    with all that is wrong.
    """
    problems = list(problems)
    layered = given.preset is not None or given.spec is not None
    try:
        fresh = spec.layered(given.preset, given.spec, values) if layered else values
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    named = fresh.get("resources")
    named = named if isinstance(named, dict) else {}  # else not a spec: said below
    if lost := spec.homeless({"resources": named}):
        raise ConfigError(problems + lost)
    root = Path(str(named.get("output") or spec.Resources().output)).expanduser().absolute()
    path = root / given.resume / "study.json"
    text = _text(path, problems)
    received.check(path.parent)
    there = _elsewhere(path.parent, str(named.get("storage") or ""), problems)
    text = text if there is None else there
    if text is None:
        names = sorted(found.parent.name for found in root.glob("*/study.json"))
        raise ConfigError([*problems, f"--resume: {unknown('study', given.resume, names)} (in {root})"])
    before, code, hashed = stored(path, text, problems)
    received.check_modules(before)
    if before.name != path.parent.name:  # it would go on in the folder of its name, perhaps another study's
        moved = f"--resume: {path.parent} holds {before.name!r}; nearest valid: name the folder so again"
        raise ConfigError([*problems, moved])
    problems += unsaid(before.resources.model_dump(), named)
    place = {"name": before.name, "resources": {"output": str(root)}}
    merged = flags.merge(fresh if layered else flags.merge(before.model_dump(), values), place)
    problems += spec.homeless(merged)
    try:
        result = build(StudySpec, merged)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    changed = identity.differences(before, result)
    if values.get("name", before.name) != before.name:
        changed.append(f"name: the study has {before.name!r}, given {values['name']!r}")
    if changed:
        problems += [
            *changed,
            f"--resume {before.name}: nearest valid: without these, or another --name",
        ]
    for name in ("trials", "confirm", "confirm_at_most"):
        least, wanted = getattr(before.search, name), getattr(result.search, name)
        if wanted < least:
            flag = name.replace("_", "-")
            problems.append(f"--{flag}: got {wanted}, a budget can only grow; nearest valid: {least}")
    other = identity.other_code(code)
    if before.space.function and hashed != space_hash(before.space):
        other.append(f"space.function: {before.space.function} has changed since the study began")
    if other and not given.other_code:
        problems += [*other, "code: results may differ; go on nonetheless with --other-code"]
    if problems:
        raise ConfigError(problems)
    return result


def stored(path: Path, text: bytes, problems: list[str]) -> tuple[StudySpec, dict[str, str], str]:
    """The spec in the text of a study.json, what it was computed with, and the hash of its space."""
    try:
        study = json.loads(text)
        return build(StudySpec, study["spec"]), dict(study.get("code", {})), str(study.get("space_hash"))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError([*problems, f"--resume: {path} is damaged, it holds no study: {error}"]) from None


def unsaid(kept: Mapping[str, Any], named: Mapping[str, Any]) -> list[str]:
    """One line for every place outside the study folder that only its study.json names.

    ``kept``: the resources in study.json; ``named``: those of the command line. The folder may be a
    stranger's. What is written to a storage is written as this user, and a database is shown this user's
    password: both are this user's to name, in whatever spelling, each time.
    """
    found = []
    for key in ("storage", "optuna_storage"):
        place = kept.get(key)
        if not isinstance(place, str) or not place or key in named:
            continue
        flag = f"--{key.replace('_', '-')}"
        there = storage.absolute(place) if key == "storage" and not storage.homeless(place) else place
        again = f"{flag} {shlex.quote(there)}, or " if there.isprintable() else ""
        without = "to go on without what lies there" if key == "storage" else "to go on without"
        found.append(
            f"resources.{key}: study.json names {place!r}; a study folder decides nothing outside itself, "
            f"so say it here; nearest valid: {again}{flag} '' {without}"
        )
    return found


def _text(path: Path, problems: list[str]) -> bytes | None:
    """What a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:  # its storage is away
        raise ConfigError([*problems, f"--resume: {path} cannot be read ({error.strerror})"]) from None


def _elsewhere(folder: Path, place: str, problems: list[str]) -> bytes | None:
    """study.json of a study that another head left in the shared storage, further than in its folder here."""
    if not place:
        return None
    try:
        spec = build(StudySpec, {"name": folder.name, "resources": {"storage": place}})
        return shared.further(folder, spec.place)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
