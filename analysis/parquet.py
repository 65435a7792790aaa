"""Tables as Parquet files so plain that a few lines of script can read their columns.

The page holds each table once, as a Parquet file: readers download that file as it is, and the page makes
CSV and JSON of its columns. So the file has one row group, no compression (the page packs it as a whole), no
dictionary, no nulls, and one page a column: the values of a column are one run of bytes, whose place
`layout` gives. Numbers are split by byte (Parquet's BYTE_STREAM_SPLIT) where gzip packs that better: first
the lowest bytes of all values, then the next, up to the highest.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_WIDTH = {"int32": 4, "double": 8}
_ONE_PAGE: dict[str, Any] = {"data_page_size": 2**30}
if "max_rows_per_page" in inspect.signature(pq.ParquetWriter.__init__).parameters:
    _ONE_PAGE["max_rows_per_page"] = 2**31 - 1  # newer releases cut pages by rows, too


@dataclass(frozen=True)
class TableFile:
    """A Parquet file of `rows` rows.

    `layout`: for every column its name, type ("int32", "double", "text", or "json": text that is JSON),
    whether its numbers are split by byte, and the first byte and the length of its values in the file.
    """

    content: bytes
    rows: int
    layout: list[dict[str, Any]]


def table_file(columns: Mapping[str, Any]) -> TableFile:
    """Write columns of one length: whole numbers below 2^31 as int32, other numbers as double, else text.

    Missing numbers are NaN, missing text is empty; lists, tuples and mappings become JSON. A column of
    numbers with other things between them is JSON, too. Raises ValueError for columns of several lengths.
    """
    if len({len(column) for column in columns.values()}) > 1:
        lengths = sorted({len(column) for column in columns.values()})
        raise ValueError(f"columns of {lengths} rows; they need one length")
    kinds, arrays, split, sizes = {}, {}, {}, {}
    for name, column in columns.items():
        kinds[name], array = _typed(column)
        split[name] = kinds[name] in _WIDTH and _split_is_smaller(array.to_numpy())
        arrays[name] = array
        sizes[name] = _size(array)
    schema = pa.schema([pa.field(name, array.type, nullable=False) for name, array in arrays.items()])
    table = pa.Table.from_arrays(list(arrays.values()), schema=schema)
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        row_group_size=max(1, table.num_rows),
        column_encoding={name: "BYTE_STREAM_SPLIT" if split[name] else "PLAIN" for name in arrays},
        **_ONE_PAGE,
    )
    content = buffer.getvalue()
    return TableFile(content, table.num_rows, _layout(content, kinds, split, sizes))


def _typed(column: Any) -> tuple[str, pa.Array]:
    values = pd.Series(column)
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        items = [_plain(item) for item in values]
        if all(isinstance(item, str) for item in items if item is not None):
            return "text", pa.array(["" if item is None else item for item in items], pa.string())
        if not all(isinstance(item, int | float) for item in items if item is not None):
            return "json", pa.array([json.dumps(item, sort_keys=True) for item in items], pa.string())
        values = pd.Series([math.nan if item is None else item for item in items], dtype=float)
    numbers = values.to_numpy()
    if np.issubdtype(numbers.dtype, np.integer) and (numbers.size == 0 or np.abs(numbers).max() < 2**31):
        return "int32", pa.array(numbers.astype(np.int32))
    return "double", pa.array(numbers.astype(np.float64), from_pandas=False)


def _plain(item: Any) -> Any:
    """As JSON has it: no NaN, no infinity, no tuple; text that UTF-8 can hold."""
    kind = type(item)  # the usual types first: a large study has a million items
    if kind is int or kind is bool or (kind is float and math.isfinite(item)):
        return item
    if kind is list or kind is tuple:
        return [_plain(value) for value in item]
    if isinstance(item, str):
        return item if item.isascii() else item.encode("utf-8", "replace").decode()
    if isinstance(item, Mapping):
        return {str(key): _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if item is None or item is pd.NA or (isinstance(item, float) and not math.isfinite(item)):
        return None
    return item.item() if isinstance(item, np.generic) else item


def _size(array: pa.Array) -> int:
    """Bytes of the values in a page: text is stored with its length in four bytes before it."""
    if not pa.types.is_string(array.type):
        return int(len(array) * array.type.bit_width // 8)
    return 4 * len(array) + sum(len(item.encode()) for item in array.to_pylist())


def _split_is_smaller(numbers: Any) -> bool:
    """Whether the bytes of a sample pack better when they are split: usual for measured values."""
    raw = np.ascontiguousarray(numbers[:8192]).view(np.uint8).reshape(-1, numbers.dtype.itemsize)
    return len(zlib.compress(raw.T.tobytes(), 6)) < len(zlib.compress(raw.tobytes(), 6))


def _layout(
    content: bytes, kinds: Mapping[str, str], split: Mapping[str, bool], sizes: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Where the values of every column are: at the end of its only page, after a header of unknown length."""
    metadata = pq.read_metadata(io.BytesIO(content))
    layout: list[dict[str, Any]] = []
    for at, (name, kind) in enumerate(kinds.items()):
        entry = {"name": name, "type": kind, "split": split[name], "start": 0, "length": 0}
        if metadata.num_rows:
            chunk = metadata.row_group(0).column(at)
            end = chunk.data_page_offset + chunk.total_uncompressed_size
            entry |= {"start": end - sizes[name], "length": sizes[name]}
        layout.append(entry)
    return layout
