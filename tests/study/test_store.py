from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.store import Lines, Store, held, write_json
from trainables.errors import ConfigError

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


HOLDER = """
import sys, time
from pathlib import Path
from study.store import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


class TestHeld:
    """A study folder has one writer: two processes, as two launches are."""

    def test_another_process_keeps_it_until_it_dies(self, tmp_path: Path) -> None:
        folder = tmp_path / "study"
        command = [sys.executable, "-c", HOLDER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            busy = rf"{folder} is in use by process {holder.pid} on .*; wait for it, or choose another --name"
            with pytest.raises(ConfigError, match=busy), held(folder):
                pass
            assert {path.name for path in folder.iterdir()} == {".lock"}
            holder.kill()  # the kernel lets go of the lock, whatever the file says
            holder.wait()
        with held(folder):
            assert (folder / ".lock").read_text().startswith(f"process {os.getpid()} on ")
        with held(folder):  # and after an end of one's own
            pass


def test_a_state_that_was_being_written_when_its_process_died_is_removed(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.close()
    whole = Path(first.checkpoint(7))
    whole.write_bytes(b"state")
    (tmp_path / "checkpoints" / "trial-0007.pt.4711.part").write_bytes(b"sta")
    second = Store(tmp_path)
    second.close()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["trial-0007.pt"]
    assert Path(second.checkpoint(7)).read_bytes() == b"state"


@pytest.mark.parametrize("name", ["asked", "trials", "epochs"])
def test_each_torn_log_is_named(name: str, tmp_path: Path) -> None:
    first = Store(tmp_path)
    getattr(first, name).append({"number": 0})
    first.close()
    with (tmp_path / f"{name}.jsonl").open("a") as file:
        file.write('{"number": 1, "val')
    second = Store(tmp_path)
    assert second.notices == [f"the torn last line of {name}.jsonl was cut off"]
    assert getattr(second, name).read() == [{"number": 0}]
    second.close()
    third = Store(tmp_path)
    assert third.notices == []
    third.close()


def test_a_damaged_line_in_the_middle_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"number": 0}\n{"number": 1, "val\n{"number": 2}\n')
    lines = Lines(path)
    with pytest.raises(
        ConfigError, match=r"rows\.jsonl, line 2, is damaged .*; remove the line and try again"
    ):
        lines.read()
    lines.close()
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_that_the_disk_takes_in_part_is_an_error(tmp_path: Path) -> None:
    """One byte short of the line: the kernel writes what fits and says how much."""
    path = tmp_path / "rows.jsonl"
    lines = Lines(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(b'{"number": 0}'), before[1]))
    try:
        with pytest.raises(OSError, match="No space left on device"):
            lines.append({"number": 0})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines.close()
    assert path.read_bytes() == b'{"number": 0}'
    again = Lines(path)
    assert again.read() == []  # whole as it looks, it was never reported as filed
    again.close()
