"""study.json made well typed: what has a wrong type is left out, and told, before any section sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.records import Record, countable, number

Check = Callable[[Any], Any]


def described(info: Record, notices: list[str]) -> Record:
    """study.json with the types that this program relies on; other keys stay as they are.

    Texts may be given as numbers. A null counts as absent and is no reason for a notice.
    """
    wrong: list[str] = []
    made = _fields(info, FIELDS, "", wrong)
    made["objectives"] = [str(name) for name in info["objectives"]]
    if wrong:
        listed = ", ".join(wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        notices.append(f"study.json has entries of a wrong type, which are left out: {listed}.")
    return made


def _fields(record: Record, fields: dict[str, Any], path: str, wrong: list[str]) -> Record:
    made = dict(record)
    for name in fields.keys() & record.keys() if "*" not in fields else record.keys():
        kind, value, place = fields["*" if "*" in fields else name], record[name], f"{path}{name}"[:80]
        if value is None:
            continue
        if isinstance(kind, dict):
            kept = _fields(value, kind, f"{place}.", wrong) if isinstance(value, dict) else None
        else:
            kept = kind(value)
        if kept is None:
            wrong.append(place)
            del made[name]
        else:
            made[name] = kept
    return made


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _number(value: Any) -> float | None:
    return value if number(value) == number(value) else None  # as it stands: 3 must not be shown as 3.0


def _count(value: Any) -> int | None:
    return value if countable(value) else None


def _texts(value: Any) -> list[str] | None:
    return [str(item) for item in value] if isinstance(value, list) else None


def _counts(value: Any) -> list[int] | None:
    return value if isinstance(value, list) and all(map(countable, value)) else None


def _direction(value: Any) -> str | None:
    return value if value in ("maximize", "minimize") else None


FIELDS: dict[str, Any] = {
    **dict.fromkeys(("name", "state", "created_at", "commit", "command", "space_hash"), _text),
    "metrics": {"*": {"label": _text, "unit": _text, "direction": _direction, "per": _text}},
    "reference_point": {"*": _number}, "accuracy_floor": _number, "budget": {"*": _count},
    "constraints": _texts, "confirmed": _counts, "timings": {"*": _number},
    "data": {"name": _text, **dict.fromkeys(("classes", "train", "val", "test"), _count)},
    "network": {
        "name": _text, "layers": _texts, "nodes": _texts,
        **dict.fromkeys(("prunable_weights", "synapses", "neurons"), _number),
    },
    "versions": {"*": _text}, **{name: {} for name in ("spec", "machine", "sampler", "stopping", "code")},
}  # fmt: skip
