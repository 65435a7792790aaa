from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.store import Lines, Store, write_json

# The last line is the one to be torn: multi-byte and escaped characters, nesting, and numbers in it.
ROWS: list[dict[str, Any]] = [
    {"number": 0, "value": 0.1 + 0.2},
    {"number": 1, "text": "a\nb\u2028c\x85"},
    {"number": 2, "text": "Schwelle θ ≥ 0 \U0001f9e0", "nested": {"list": [1, 2.5, None, True]}},
]


def filed(path: Path, rows: list[dict[str, Any]]) -> bytes:
    lines = Lines(path)
    for row in rows:
        lines.append(row)
    assert lines.read() == rows
    lines.close()
    return path.read_bytes()


def test_rows_come_back_in_order_and_a_second_writer_adds_to_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    filed(path, ROWS[:2])
    lines = Lines(path)
    assert lines.torn == b""
    lines.append(ROWS[2])
    lines.close()
    assert [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] == ROWS


def test_every_append_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = Lines(path)
    for count, row in enumerate(ROWS, 1):
        lines.append(row)
        assert path.read_bytes().count(b"\n") == count  # read past the writer's own buffer
    lines.close()


def test_a_torn_last_line_is_cut_at_every_byte_and_nothing_else_is_lost(tmp_path: Path) -> None:
    whole = filed(tmp_path / "whole.jsonl", ROWS)
    kept = filed(tmp_path / "kept.jsonl", ROWS[:-1])
    assert whole.startswith(kept)
    path = tmp_path / "torn.jsonl"
    extra = {"number": 3}
    for end in range(len(kept), len(whole)):
        path.write_bytes(whole[:end])
        lines = Lines(path)
        assert lines.torn == whole[len(kept) : end]
        assert path.read_bytes() == kept
        lines.append(extra)
        lines.close()
        assert [json.loads(line) for line in path.read_bytes().splitlines()] == [*ROWS[:-1], extra]


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_bytes(b'{"number": ')
    lines = Lines(path)
    assert lines.read() == []
    lines.append({"number": 1})
    assert lines.read() == [{"number": 1}]
    lines.close()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {1, 2}])
def test_a_row_that_json_cannot_hold_leaves_the_file_alone(bad: Any, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = Lines(path)
    lines.append(ROWS[0])
    with pytest.raises((ValueError, TypeError)):
        lines.append({"number": 1, "value": bad})
    lines.append(ROWS[1])
    assert lines.read() == ROWS[:2]
    lines.close()


@pytest.mark.parametrize("bad", [float("nan"), float("-inf"), {1, 2}])
def test_write_json_that_fails_leaves_the_old_file_whole(bad: Any, tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    write_json(path, {"old": 1})
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        write_json(path, {"new": list(range(10_000)), "bad": bad})
    assert path.read_bytes() == before
    write_json(path, {"new": 2})  # what the failure left beside the file is in nobody's way
    assert json.loads(path.read_text()) == {"new": 2}


def test_study_json_is_changed_entry_by_entry_and_survives_a_reopening(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "down")
    store.update(name="a", state="running")
    store.update(state="interrupted")
    store.trials.append({"number": 0})
    store.close()
    again = Store(tmp_path / "deep" / "down")
    assert again.load() == {"name": "a", "state": "interrupted"}
    again.update(state="complete")
    assert json.loads((again.folder / "study.json").read_text()) == {"name": "a", "state": "complete"}
    assert again.trials.read() == [{"number": 0}]
    assert again.epochs.read() == []
    again.close()


def test_a_failed_write_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "study.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
