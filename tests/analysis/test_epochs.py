"""Reading epochs.jsonl: the quick reader against the plain one, pieces, order, size."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import epochs, files
from analysis.epochs import read_epochs
from analysis.files import StudyError, pieces
from analysis.records import LARGEST
from analysis.results import load
from tests.analysis.folder import trial, write_folder

KNOWN = ["a", "b"]
ODD = [
    b'{"number": 1, "epoch": 1, "a": 1e999}', b'{"number": 1, "epoch": 1, "a": 1, "a": 2}',
    b'{"number": 1.0, "epoch": 1}', b'{"number": true, "epoch": 1}', b'{"number": "1", "epoch": 1}',
    b'{"number": null, "epoch": 1}', b'{"epoch": 1}', b'{"number": -1, "epoch": 1}',
    b'{"number": 12345678901234567890, "epoch": 1}', b'{"number": 9007199254740993, "epoch": 1}',
    b'{"number": 1, "epoch": 1, "a": NaN}', b'{"number": 1, "epoch": 1, "a": -Infinity}',
    b'{"number": 1, "epoch": 1, "a": -NaN}', b'{"number": 1, "epoch": 1, "c": Inf}',
    b'{"number": 1, "epoch": 1, "a": "0.5"}', b'{"number": 1, "epoch": 1, "a": "x"}',
    b'{"number": 1, "epoch": 1, "a": true}', b'{"number": 1, "epoch": 1, "a": [1, {"b": 2}]}',
    b'{"number": 1, "epoch": 1}{"number": 2, "epoch": 1}', b'{"number": 1, "epoch": 1} x', b"",
    b'{"number": 1, "epoch": 1},', b'{"number": 1,\n"epoch": 1}', b'{"x": {"y": 1},\n"number": 1}',
    b'{"number": 1, "epoch": 1}{"number": 1, "epoch": 2}\n', b'{"number": 1, "epoch": 1, "a": 01}',
    b'{"number": 1, "epoch": 1, "c": "\xff"}', b'{"number": 1, "epoch": 1, "c": "\\ud800"}',
    b'{"number": 1, "epoch": 1, "c": "\t"}', b'{"number": 1, "epoch": 1, "c": .5}', b"[]", b"3", b"\0\0\0",
    b'{"number": 1, "epoch": 1, "a": 123456789012345678901234567890}', b'{"nu\\u006dber": 1, "epoch": 1}',
    b'{"number": 1, "epoch": 1, "c": "the loss became NaN"}', b'{"number": 1, "epoch": 1}\r',
    b'\xef\xbb\xbf{}',
    b'{"a": {"number": 3}, "number": 1, "epoch": 1, "a": 2}', b'{"number": 1, "epoch": 1, "a": null}',
]  # fmt: skip


def outcome(file: Path) -> tuple[pd.DataFrame | None, list[str]]:
    """The frame and the notices, or the message."""
    notices: list[str] = []
    try:
        return read_epochs(file, KNOWN, notices), notices
    except StudyError as error:
        return None, [str(error)]


@pytest.mark.parametrize("place", [0, 40, 79, 80])
@pytest.mark.parametrize("odd", ODD)
def test_the_quick_reader_reads_as_the_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: bytes, place: int
) -> None:
    """An odd line first, in the middle, near the end and last: the same frame, notices, or error."""
    good = [b'{"number": %d, "epoch": %d, "a": %d.5, "d": 2}' % (i // 9, i % 9, i) for i in range(80)]
    file = tmp_path / "epochs.jsonl"
    file.write_bytes(b"\n".join([*good[:place], odd, *good[place:], b""]))
    plain = outcome(file)
    monkeypatch.setattr(epochs, "QUICK_FROM", 0)
    quick = outcome(file)
    assert quick[1] == plain[1]
    assert (quick[0] is None) == (plain[0] is None)
    if quick[0] is not None and plain[0] is not None:
        pd.testing.assert_frame_equal(quick[0], plain[0])


def test_the_quick_reader_is_used(tmp_path: Path) -> None:
    """Else the comparison above would compare the plain reader with itself."""
    piece = b'{"number": 1, "epoch": 2, "a": 0.1, "layer_a": [1, 2], "c": "x", "d": 3}\n' * 20_000
    columns = epochs._quick(piece, {"a", "b"})
    assert columns is not None
    assert sorted(columns) == ["a", "b", "d", "epoch", "number"]
    assert columns["a"].tolist() == [0.1] * 20_000
    assert epochs._quick(piece[:-1], {"a"}) is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9),
    st.integers(1, 20),
    st.binary(max_size=5),
)
def test_pieces_are_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, tail: bytes
) -> None:
    """Joined they are the file; every piece ends a line; numbers of first lines, end and tear are right."""
    torn = tail.replace(b"\n", b"")
    file = tmp_path_factory.getbasetemp() / "lines"
    file.write_bytes(b"".join(line + b"\n" for line in lines) + torn)
    found = list(pieces(file, size))
    assert b"".join(piece for piece, _, _, _ in found) == b"".join(line + b"\n" for line in lines)
    at = 1
    for piece, first, last, broken in found:
        assert piece == b"" or piece.endswith(b"\n")
        assert first == at
        assert last == (first == found[-1][1] and piece == found[-1][0])
        assert broken == (last and torn != b"")
        at += piece.count(b"\n")


def test_row_order_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers write as they come: any order of different rows gives the same frame."""
    rows = [
        {"number": n, "epoch": e, "a": n + e / 7, "b": None if e else 1.0} for n in range(9) for e in range(9)
    ]
    frames = []
    for seed in range(4):
        random.Random(seed).shuffle(rows)
        file = tmp_path / f"{seed}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        monkeypatch.setattr(epochs, "QUICK_FROM", 0 if seed % 2 else 1 << 20)
        frames.append(read_epochs(file, KNOWN, []))
    assert frames[0]["number"].tolist() == sorted(row["number"] for row in rows)
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_the_later_of_two_equal_rows_counts_across_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that was started again writes some epochs twice, perhaps far apart."""
    monkeypatch.setattr(files, "PIECE", 64)
    monkeypatch.setattr(pieces, "__defaults__", (64,))
    rows = [{"number": 0, "epoch": 1, "a": 1.0}, *({"number": 1, "epoch": e, "a": 0.0} for e in range(9))]
    file = tmp_path / "epochs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"number": 0, "epoch": 1, "a": 2.0}]))
    frame = read_epochs(file, KNOWN, [])
    assert len(frame) == 10
    assert frame["a"].tolist() == [2.0] + [0.0] * 9


def test_empty_columns_and_numbers_beyond_floats(tmp_path: Path) -> None:
    """A metric that no row measured is no column; what is too large for a float is unknown."""
    rows = '{"number": 0, "epoch": %d, "a": null, "b": 1%s, "c": "text"}\n'
    file = tmp_path / "epochs.jsonl"
    file.write_text(rows % (1, "0" * 400) + rows % (2, "0" * 5000) + rows % (LARGEST, ""))
    frame = read_epochs(file, KNOWN, [])
    assert list(frame.columns) == ["number", "epoch", "b"]
    assert np.isnan(frame["b"]).tolist() == [True, True, False]


def test_gigabytes_of_zeros_after_the_last_line_are_a_torn_line(tmp_path: Path) -> None:
    """Some file systems leave them after a power cut; they need no memory."""
    folder = write_folder(
        tmp_path / "s", [trial(0, 0.9, 0.5)], [{"number": 0, "epoch": 1, "accuracy_val": 0.9}]
    )
    with (folder / "epochs.jsonl").open("r+b") as file:
        file.truncate(300 << 20)  # a hole: no disk is used
    study = load(folder)
    assert len(study.epochs) == 1
    assert study.notices == ("The last line of epochs.jsonl was torn and is left out (line 2).",)


@pytest.mark.parametrize("name", ["trials", "epochs"])
def test_a_huge_line_is_refused(tmp_path: Path, name: str) -> None:
    """Its number is told; it is never parsed."""
    folder = write_folder(tmp_path / "s", [trial(0, 0.9, 0.5)], [{"number": 0, "epoch": 1}])
    with (folder / f"{name}.jsonl").open("ab") as file:
        file.write(
            b'{"number": 1, "epoch": 1, "a": "' + b"x" * (files.LINE_LIMIT + 1) + b'"}\n{"number": 2}\n'
        )
    with pytest.raises(StudyError, match=rf"{name}\.jsonl, line 2, is longer than 8 MiB"):
        load(folder)
