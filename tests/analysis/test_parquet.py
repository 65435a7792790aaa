"""Tables as Parquet files whose columns a few lines can read."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.parquet import TableFile, table_file

DOUBLES = st.lists(st.floats(width=64), max_size=40)


def values(file: TableFile, name: str) -> list[Any]:
    """A column as the page's script reads it: by the layout alone, without a Parquet library."""
    entry = next(entry for entry in file.layout if entry["name"] == name)
    raw = file.content[entry["start"] : entry["start"] + entry["length"]]
    if entry["type"] in ("text", "json"):
        found, at = [], 0
        for _ in range(file.rows):
            (length,) = struct.unpack_from("<I", raw, at)
            found.append(raw[at + 4 : at + 4 + length].decode())
            at += 4 + length
        return found
    width, letter = (4, "i") if entry["type"] == "int32" else (8, "d")
    if entry["split"]:
        raw = bytes(raw[k * file.rows + i] for i in range(file.rows) for k in range(width))
    return list(struct.unpack(f"<{file.rows}{letter}", raw))


@given(DOUBLES)
@settings(deadline=None, max_examples=60)
def test_doubles_are_kept_bit_for_bit(numbers: list[float]) -> None:
    """By the layout and by pyarrow, NaN and infinities included."""
    file = table_file({"x": np.array(numbers, dtype=float)})
    expected = np.array(numbers, dtype=float)
    np.testing.assert_array_equal(np.array(values(file, "x"), dtype=float), expected)
    np.testing.assert_array_equal(pq.read_table(io.BytesIO(file.content))["x"].to_numpy(), expected)


@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), min_size=1, max_size=20))
@settings(deadline=None, max_examples=60)
def test_text_is_kept_and_nothing_becomes_empty(words: list[str | None]) -> None:
    """Any text; None becomes empty, half a surrogate pair a question mark."""
    expected = ["" if word is None else word.encode("utf-8", "replace").decode() for word in words]
    file = table_file({"word": pd.Series(words, dtype=object)})
    assert values(file, "word") == expected
    assert pq.read_table(io.BytesIO(file.content))["word"].to_pylist() == expected


def test_types() -> None:
    """Whole numbers as int32, nested values and mixtures as JSON, missing numbers as NaN."""
    file = table_file(
        {
            "number": np.array([3, 1]),
            "large": np.array([2**40, 1]),
            "params": [{"b": (1, float("nan")), "a": None}, {}],
            "seed": pd.Series([7, "x"], dtype=object),
            "maybe": pd.Series([None, 2], dtype=object),
        }
    )
    assert [entry["type"] for entry in file.layout] == ["int32", "double", "json", "json", "double"]
    assert values(file, "number") == [3, 1]
    assert values(file, "large") == [2**40, 1]
    assert [json.loads(text) for text in values(file, "params")] == [{"a": None, "b": [1, None]}, {}]
    assert [json.loads(text) for text in values(file, "seed")] == [7, "x"]
    assert np.isnan(values(file, "maybe")[0])


def test_many_rows_are_one_run_of_bytes() -> None:
    """More rows than newer releases of pyarrow put into a page by default."""
    numbers = np.random.default_rng(0).standard_normal(50_000)
    file = table_file({"i": np.arange(50_000), "x": numbers, "s": ["\N{GREEK SMALL LETTER ALPHA}x"] * 50_000})
    assert values(file, "x") == numbers.tolist()
    assert values(file, "i")[-1] == 49_999
    assert values(file, "s")[-1] == "\N{GREEK SMALL LETTER ALPHA}x"


def test_same_columns_same_bytes_and_no_rows() -> None:
    """Nothing of time or place is in the file; an empty table is one too."""
    columns = {"x": np.linspace(0, 1, 9), "s": list("abcdefghi")}
    assert table_file(columns).content == table_file(columns).content
    empty = table_file({"x": np.array([], dtype=float), "s": []})
    assert empty.rows == 0
    assert values(empty, "x") == values(empty, "s") == []


def test_columns_of_several_lengths_are_refused() -> None:
    """One message with the lengths."""
    with pytest.raises(ValueError, match=r"\[1, 2\] rows"):
        table_file({"a": [1], "b": [1, 2]})
