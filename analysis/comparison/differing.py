"""What differs between the studies' specifications, and how each was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis import text
from analysis.comparison.rivals import Field, Rival
from analysis.sections.base import Cell, Column, Section, Table

MOST = 200  # rows
# Where things lie and what they are called changes nothing.
_PLACES = {"name", "train.data_dir", "resources.output"}


def differing(field: Field) -> Section:
    """One row for every entry of the spec, network and versions that is not the same in all studies."""
    specs = {rival.label: _leaves(rival.given.part("spec")) for rival in field.rivals}
    known = [rival for rival in field.rivals if specs[rival.label]]
    rows = _rows(known, specs)
    without = [rival.label for rival in field.rivals if not specs[rival.label]]
    if len(known) < 2:
        finding = "What differs is not known: fewer than two of the studies record their specification."
    elif rows:
        entries = {key for rival in known for key in specs[rival.label]}
        finding = (
            f"{text.count(len(rows), 'entry', 'entries')} of {len(entries)} "
            f"in the specifications differ{'s' if len(rows) == 1 else ''} "
            f"(n = {text.count(len(known), 'study', 'studies')})."
        )
    else:
        finding = f"The specifications of {text.count(len(known), 'study', 'studies')} are the same."
    notes = [f"No specification is recorded for {text.listing(without)}."] if without else []
    if len(rows) > MOST:
        notes.append(f"The first {MOST} of {len(rows)} differences are shown.")
    notes.append("Names, data folders and output folders are not compared.")
    tables = [_table("Specification", known, rows[:MOST])] if rows else []
    tables += _surroundings(field)
    return Section("differing", "What differs", finding, notes, tables=tables)


def making(field: Field) -> Section:
    """Name, date, state, seed, commit and command of every study."""
    entries = [
        ("Name", "name"), ("Created", "created_at"), ("State", "state"), ("Study seed", "seed"),
        ("Space hash", "space_hash"), ("Commit", "commit"),
    ]  # fmt: skip
    rows = [
        [Cell(head), *(Cell(_plain(rival.given.info.get(key))) for rival in field.rivals)]
        for head, key in entries
    ]
    ended = [len(rival.given.trials) for rival in field.rivals]
    rows.append([Cell("Trials ended"), *(Cell(text.number(n)) for n in ended)])
    walls = [float(rival.given.trials["train_wall_s"].sum()) for rival in field.rivals]
    rows.append([Cell("Training, summed"), *(Cell(text.seconds(wall or float("nan"))) for wall in walls)])
    commands = [
        (f"Repeat {rival.label}", str(rival.given.info.get("command") or "not recorded"))
        for rival in field.rivals
    ]
    commands.append(("Remake this page", "python -m analysis.report FOLDER FOLDER ..."))
    notes = [f"{rival.label}: {notice}" for rival in field.rivals for notice in rival.given.notices]
    finding = (
        f"{text.count(sum(ended), 'trial')} of {text.count(len(ended), 'study', 'studies')}; each study's "
        "own "
        "report has its specification in full."
    )
    tables = [Table(_columns(field.rivals), rows, "Studies")]
    return Section("making", "How these were made", finding, notes, tables=tables, records=commands)


def _columns(rivals: tuple[Rival, ...] | list[Rival]) -> list[Column]:
    return [Column("Entry", False), *(Column(rival.label, False) for rival in rivals)]


def _leaves(record: Mapping[str, Any], head: str = "") -> dict[str, str]:
    """The entries of a nested record under their joined names, as text; lists as one entry."""
    found: dict[str, str] = {}
    for key, item in record.items():
        name = f"{head}{key}"
        if isinstance(item, Mapping) and item:
            found |= _leaves(item, f"{name}.")
        elif name not in _PLACES:
            found[name] = _plain(item)
    return found


def _rows(rivals: list[Rival], leaves: Mapping[str, Mapping[str, str]]) -> list[list[Cell]]:
    """The entries that are not the same in all; a dash where a study has none."""
    keys = list(dict.fromkeys(key for rival in rivals for key in leaves[rival.label]))
    rows = []
    for key in keys:
        values = [leaves[rival.label].get(key, text.DASH) for rival in rivals]
        if len(set(values)) > 1:
            rows.append([Cell(text.short(key, 80)), *(Cell(value) for value in values)])
    return rows


def _surroundings(field: Field) -> list[Table]:
    """Versions and machine, where they differ."""
    tables = []
    for head in ("Network", "Data", "Versions", "Machine"):
        leaves = {rival.label: _leaves(rival.given.part(head.lower())) for rival in field.rivals}
        known = [rival for rival in field.rivals if leaves[rival.label]]
        rows = _rows(known, leaves)
        if rows:
            tables.append(_table(head, known, rows[:MOST]))
    return tables


def _table(head: str, rivals: list[Rival], rows: list[list[Cell]]) -> Table:
    return Table(_columns(rivals), rows, head)


def _plain(item: object) -> str:
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, float):
        return f"{item:.12g}"
    return text.DASH if item is None else text.short(item, 200)
