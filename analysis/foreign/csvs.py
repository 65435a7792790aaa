"""CSV: a header and rows, UTF-8, with a comma or the mapping's delimiter between cells."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from analysis.foreign.mapping import Rules
from analysis.foreign.table import Foreign, Problems

_SHOWN = 3


def read(path: Path, rules: Rules) -> Foreign:
    """A torn last line (short, without its end) is left out and told; other wrong lines are refused."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problems(
            [f"{path.name} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"]
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=rules.delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise Problems([f"{path.name}, line {reader.line_num}, is not CSV ({error})"]) from None
    if not rows:
        raise Problems([f"{path.name} is empty; it needs a header with accuracy and sparsity, and rows"])
    head = [cell.strip() for cell in rows.pop(0)[1]]
    notices = []
    if rows and len(rows[-1][1]) < len(head) and not text.endswith(("\n", "\r")):
        notices.append(f"The last line of {path.name} was torn and is left out (line {rows.pop()[0]}).")
    problems = _problems(path.name, head, rows, rules.delimiter)
    if problems:
        raise Problems(problems)
    cells: list[Any] = list(zip(*(row for _, row in rows), strict=True)) or [()] * len(head)
    columns = {
        name: [cell.strip() or None for cell in column] for name, column in zip(head, cells, strict=True)
    }
    return Foreign(columns, [f"line {line}" for line, _ in rows], tuple(notices))


def _problems(name: str, head: list[str], rows: list[tuple[int, list[str]]], delimiter: str) -> list[str]:
    problems = []
    other = next((mark for mark in ";\t|" if mark != delimiter and mark in head[0]), None)
    if len(head) == 1 and other:
        return [f"{name} has one column, {head[0]!r}; put delimiter = {other!r} into mapping.toml beside it"]
    twice = sorted({column for column in head if head.count(column) > 1})
    if twice or "" in head:
        problems.append(
            f"{name} has a header with {', '.join(map(repr, twice)) or 'an empty name'}: names must differ"
        )
    wrong = [(line, len(row)) for line, row in rows if len(row) != len(head)]
    if wrong:
        some = ", ".join(f"line {line} has {count}" for line, count in wrong[:_SHOWN])
        more = f" and {len(wrong) - _SHOWN} more lines" if len(wrong) > _SHOWN else ""
        problems.append(
            f"{name} has {len(head)} columns, but {some}{more}; quote cells that hold {delimiter!r}"
        )
    return problems
