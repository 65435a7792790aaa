"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.foreign.mapping import Rules
from analysis.foreign.table import Foreign, Problems

_SHOWN = 3
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)


def read(path: Path, rules: Rules) -> Foreign:
    """Keys become columns; what an object lacks is not known. A torn last line is left out and told."""
    parts = path.read_bytes().split(b"\n")
    rows: list[dict[str, Any]] = []
    places, problems, notices = [], [], []
    last = max((i for i, part in enumerate(parts) if part.strip()), default=-1)
    for i, part in enumerate(parts):
        if not part.strip():
            continue
        try:
            row = _DECODER.decode(part.decode())
            if not isinstance(row, dict):
                raise ValueError("not an object")
        except ValueError as error:  # includes JSONDecodeError and UnicodeDecodeError
            if i == last and i == len(parts) - 1 and rows:
                notices.append(f"The last line of {path.name} was torn and is left out (line {i + 1}).")
            else:
                problems.append(f"{path.name}, line {i + 1}, is no JSON object ({error})")
            continue
        rows.append(row)
        places.append(f"line {i + 1}")
    if problems:
        more = [f"and {len(problems) - _SHOWN} more such lines"] if len(problems) > _SHOWN else []
        raise Problems([*problems[:_SHOWN], *more])
    if not rows:
        raise Problems([f"{path.name} is empty; it needs objects with accuracy and sparsity"])
    names = dict.fromkeys(str(key) for row in rows for key in row)
    return Foreign({name: [row.get(name) for row in rows] for name in names}, places, tuple(notices))
