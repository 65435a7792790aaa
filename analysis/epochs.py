"""epochs.jsonl as one frame: a million rows in seconds, with the repairs and errors of `records`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.json

from analysis.records import LARGEST, Record, decode, mapping, parsed

KEYS = ("number", "epoch")
SAMPLE = 64  # lines of each piece that are looked at for metrics which study.json does not describe
QUICK_FROM = 1 << 20  # bytes; for less, a piece is read line by line sooner than the quick reader has started
Columns = dict[str, npt.NDArray[Any]]
# Literals that only one of the two readers takes. Inside a text ("loss is NaN, stopped") they cost time only.
_UNSURE = re.compile(rb"(?:NaN|Inf(?:inity)?)\s*[,}\]]")


def _unsure(piece: bytes) -> bool:
    # The two quick searches take a tenth of the expression's time.
    return (b"NaN" in piece or b"Inf" in piece) and _UNSURE.search(piece) is not None


def listed(name: str) -> bool:
    """Whether a metric is a list by its name: such a one is in `Study.lists` and is no column."""
    return name == "chips" or name.startswith(("layer_", "node_"))


def read_epochs(file: Path, described: Iterable[str], notices: list[str]) -> pd.DataFrame:
    """One row per trial and epoch, by both; the later line counts, for a restarted trial repeats some.

    Columns: number, epoch, then by name every metric that is a finite number in some row. Of a piece that
    is read quickly, these are looked for among the `described` ones and those of its first `SAMPLE` lines.
    """
    known = {name for name in described if not listed(name)} - {*KEYS}
    parts: list[Columns] = []

    def quick(piece: bytes) -> Columns | None:
        return _quick(piece, known)

    for found in parsed(file, KEYS, notices, quick):
        parts.append(found if isinstance(found, dict) else _columns(found))
    return _frame(parts)


def finite(values: Iterable[object] | pd.Series) -> npt.NDArray[np.float64]:
    """As floats: texts that are numbers count, whatever else is no finite number becomes NaN."""
    series = values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
    try:
        column = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    except (OverflowError, TypeError, ValueError):  # a whole number beyond the largest float, a nested value
        column = np.array([_number(value) for value in series], dtype=float)
    return np.where(np.isfinite(column), column, np.nan)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | str) else np.nan
    except (OverflowError, ValueError):
        return np.nan


def _columns(records: list[Record]) -> Columns:
    """Records as columns; lists, mappings and texts make none."""
    names = {name for record in records for name in record if not listed(name)} - {*KEYS}
    columns: Columns = {name: np.array([record[name] for record in records], dtype=np.int64) for name in KEYS}
    return columns | {name: finite([record.get(name) for record in records]) for name in sorted(names)}


def _quick(piece: bytes, known: set[str]) -> Columns | None:
    """What `_columns` would make of a piece, by Arrow's reader; None where the two might differ.

    Every newline must stand between `}` and `{`, where no JSON value can hold it, and there must be as many
    values as lines: then each line is one object. Arrow refuses what JSON does not allow,
    a key given twice and a value of another type; it does not check text for UTF-8.
    """
    count = piece.count(b"\n")
    whole = piece[:1] == b"{" and piece.endswith(b"}\n") and piece.count(b"}\n{") == count - 1
    if len(piece) < QUICK_FROM or not whole or not _is_text(piece) or _unsure(piece):
        return None
    numeric = known | _sampled(piece)
    schema = [(name, pa.int64()) for name in KEYS] + [(name, pa.float64()) for name in sorted(numeric)]
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(piece),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema(schema), unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowException:
        return None
    keys = [table[name] for name in KEYS]
    if table.num_rows != count or any(column.null_count for column in keys):
        return None
    columns: Columns = {name: table[name].to_numpy() for name in table.column_names}
    if any(columns[name].min() < 0 or columns[name].max() > LARGEST for name in KEYS):
        return None
    return columns


def _is_text(piece: bytes) -> bool:
    try:
        return piece.isascii() or bool(piece.decode())
    except UnicodeDecodeError:
        return False


def _sampled(piece: bytes) -> set[str]:
    """Metrics of the first lines that are numbers there."""
    found: set[str] = set()
    for line in islice(io.BytesIO(piece), SAMPLE):
        try:
            row = mapping(decode(line.decode()))
        except ValueError:  # the piece is read again, line by line, and the line told
            continue
        found |= {name for name, value in row.items() if type(value) in (int, float) and not listed(name)}
    return found - {*KEYS}


def _frame(parts: list[Columns]) -> pd.DataFrame:
    """The parts below each other: sorted by trial and epoch, the last of equal ones, no empty column."""
    names = sorted({name for part in parts for name in part} - {*KEYS})
    keys = {name: np.concatenate([np.empty(0, np.int64), *(part[name] for part in parts)]) for name in KEYS}
    order = np.lexsort((keys["epoch"], keys["number"]))  # stable: equal rows keep the order of the file
    number, epoch = (keys[name][order] for name in KEYS)
    again = (number[1:] == number[:-1]) & (epoch[1:] == epoch[:-1])
    order = order[np.append(~again, True)[: len(order)]]
    frame: dict[str, Any] = {name: keys[name][order] for name in KEYS}
    for name in names:
        unknown = [part.pop(name, None) for part in parts]
        lengths = [len(part[KEYS[0]]) for part in parts]
        filled = [
            np.full(n, np.nan) if column is None else column
            for column, n in zip(unknown, lengths, strict=True)
        ]
        column = np.concatenate(filled)[order]
        column[~np.isfinite(column)] = np.nan
        if not np.isnan(column).all():
            frame[name] = column
    return pd.DataFrame(frame, copy=False)
