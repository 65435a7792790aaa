"""TensorBoard logs: every folder with event files is a run, its scalars are columns, its steps epochs."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from analysis.foreign.events import read_scalars
from analysis.foreign.mapping import Rules
from analysis.foreign.table import Foreign, Problems

PATTERN = "*tfevents*"
_SHOWN = 12


def read(path: Path, rules: Rules) -> Foreign:
    """One row per run and epoch at which all required tags have a value.

    The name of a run is its folder below `path`; named groups of `rules.run` in it become columns. Of several
    values of an epoch (a step repeated after a restart, several steps an epoch) the last written one counts.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob(PATTERN) if file.is_file())
    root = path.parent if path.is_file() else path
    if not files:
        raise Problems([f"{path} holds no TensorBoard event files ({PATTERN})"])
    notices: list[str] = []
    runs: dict[str, dict[int, dict[str, float]]] = {}
    tags: dict[str, None] = {}
    for file in files:
        name = file.parent.relative_to(root).as_posix()
        rows = runs.setdefault(name, {})
        for step, tag, value in read_scalars(file, file.relative_to(root).as_posix(), notices):
            tags.setdefault(tag)
            rows.setdefault(math.ceil(step / rules.steps_per_epoch), {})[tag] = value
    if not tags:
        raise Problems([f"the event files of {path} hold no scalars"])
    kept = {tag for kind in ("accuracy", "sparsity") for tag in _asked(kind, rules) or [_own(kind, tags)]}
    kept &= set(tags)
    problems = _missing(path, list(tags), rules)
    columns: dict[str, list[Any]] = {name: [] for name in ("run", "epoch", *tags)}
    places = []
    for name in sorted(runs):
        whole = [epoch for epoch in sorted(runs[name]) if kept <= set(runs[name][epoch])]
        if not whole:
            if runs[name]:
                notices.append(f"Run {name!r} has no step with both {' and '.join(sorted(kept))}: left out.")
            continue
        for epoch in whole:
            columns["run"].append(name)
            columns["epoch"].append(epoch)
            for tag in tags:
                columns[tag].append(runs[name][epoch].get(tag))
            places.append(f"run {name!r}, epoch {epoch}")
    if not places and not problems:
        problems.append(
            f"no run has accuracy and sparsity at one step ({' and '.join(sorted(kept))}); where they are "
            "logged at different steps, put steps_per_epoch into mapping.toml"
        )
    if problems:
        raise Problems(problems)
    columns |= _groups(columns["run"], rules.run, notices)
    return Foreign(columns, places, tuple(notices))


def _asked(kind: str, rules: Rules) -> list[str]:
    """The tags that the mapping names for accuracy or sparsity."""
    return [theirs for ours, theirs in rules.columns.items() if ours.partition("_")[0] == kind]


def _own(kind: str, tags: dict[str, None]) -> str:
    """The tag that is named as the column is, or begins with its name and '_'."""
    found = [tag for tag in tags if tag == kind or tag.startswith(f"{kind}_")]
    return min(found, key=lambda tag: (tag != kind, tag), default=kind)


def _missing(path: Path, tags: list[str], rules: Rules) -> list[str]:
    shown = ", ".join(map(repr, sorted(tags)[:_SHOWN])) + (", ..." if len(tags) > _SHOWN else "")
    problems = []
    for kind in ("accuracy", "sparsity"):
        if not _asked(kind, rules) and _own(kind, dict.fromkeys(tags)) not in tags:
            problems.append(
                f"{path.name} has no tag {kind!r}; its tags are {shown}. Name it in mapping.toml: [columns] "
                f'{kind} = "TAG"'
            )
    return problems


def _groups(names: list[str], pattern: str, notices: list[str]) -> dict[str, list[Any]]:
    """Named groups of the pattern, searched in every run's name."""
    if not pattern:
        return {}
    compiled = re.compile(pattern)
    found = {name: compiled.search(name) for name in dict.fromkeys(names)}
    none = [name for name, match in found.items() if match is None]
    if none:
        notices.append(f"The pattern of mapping.toml does not fit {len(none)} runs, {none[0]!r} first.")
    groups = list(compiled.groupindex)
    return {
        group: [match.group(group) if (match := found[name]) is not None else None for name in names]
        for group in groups
    }
