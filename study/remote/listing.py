"""``--list``: studies with state, trials, best and age."""

from __future__ import annotations

from collections.abc import Iterable

from study.console import headline
from study.outcome import Outcome
from study.remote.agent import ODD, Frame
from study.remote.follow import created_at
from study.remote.watched import outline
from study.words import one_line, plain
from trainables.errors import said

HEAD = ("study", "state", "trials", "best", "age")


def row(frame: Frame) -> tuple[str, ...]:
    """One study as cells. What cannot be read is said in its place."""
    name, state, count, age = one_line(str(frame.get("name"))), one_line(str(frame.get("state"))), "", ""
    try:
        frame = plain(frame)
        study, trials = frame["study"], frame["trials"]
        count = f"{len(trials)}"
        if not study or state in ("damaged", "None"):  # nothing there to measure
            return name, state, count, "", ""
        age = span(frame["now"] - created_at(study))
        spec = outline(name, study)
        outcome = Outcome(spec, trials, chance=1 / study["data"]["classes"])
        planned = sum(int(kind) for kind in (study.get("planned") or study["budget"]).values())
        failed = sum(line["state"] == "FAIL" for line in trials)
        count += f"/{planned}" if state != "complete" else ""
        count += f", {failed} failed" if failed else ""
        best = f"hypervolume {outcome.hypervolume:.4f}"
        if {"accuracy_val", "sparsity_params"} <= set(spec.search.objectives):
            best = f"{headline(trials, spec).plain.removeprefix('best ')}; {best}"
        return name, state, count, one_line(best), age
    except ODD as error:
        return name, state, count, one_line(f"unreadable ({said(error)})"), age


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Aligned lines, whole on every width of terminal: they may be cut up by programs."""
    lines = [HEAD, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def span(seconds: float) -> str:
    """A length of time in its largest unit, e.g. ``3 h``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, round(seconds))} s"
