"""One copy of decoded data a node: shared by real processes, made once, made anew when sources change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainables.data import store

# Maps the stored arrays, reads all of them, prints their sum, waits for a line, prints its smaps entry.
READER = """
import sys
from pathlib import Path
import torch
from trainables.data import store

def decode():
    Path(sys.argv[2]).open("a").write("decoded\\n")
    return {"x": torch.arange(4_000_000, dtype=torch.uint8).view(-1, 1, 20, 20), "y": torch.arange(10_000)}

arrays = store.shared("made", [Path(sys.argv[1])], decode)
print(int(arrays["x"].long().sum()), int(arrays["y"].sum()), flush=True)
sys.stdin.readline()
entry, inside = {}, False
for line in open("/proc/self/smaps"):
    first, *rest = line.split()
    if not first.endswith(":"):
        inside = rest[-1].endswith(".pt") if rest else False
        if inside:
            entry["inode"] = int(rest[3])
    elif inside and rest[-1] == "kB":
        entry[first[:-1]] = entry.get(first[:-1], 0) + int(rest[0])
print(*(entry[key] for key in ("inode", "Rss", "Shared_Clean", "Shared_Dirty", "Private_Dirty")), flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's account of memory")
def test_two_processes_share_one_copy(tmp_path: Path) -> None:
    source, log = tmp_path / "source", tmp_path / "log"
    source.write_text("raw")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", READER, str(source), str(log)]
    readers = [
        subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        said: list[list[list[int]]] = [[], []]
        for _ in range(2):  # both have read everything before either counts its pages
            for reader, lines in zip(readers, said, strict=True):
                assert reader.stdin is not None
                assert reader.stdout is not None
                lines.append([int(word) for word in reader.stdout.readline().split()])
            for reader in readers:
                assert reader.stdin is not None
                reader.stdin.write("\n")
                reader.stdin.flush()
    finally:
        for reader in readers:
            reader.communicate(timeout=60)
    pixels = sum(i % 256 for i in range(4_000_000))
    assert said[0][0] == said[1][0] == [pixels, 10_000 * 9_999 // 2]
    assert log.read_text() == "decoded\n", "two processes decoded, or none did"
    (inode, *_), (other_inode, *_) = said[0][1], said[1][1]
    assert inode == other_inode
    for _, resident, clean, dirty, private_dirty in (said[0][1], said[1][1]):
        assert resident > 3900  # kB: the 4 MB were really read
        assert clean + dirty > 0.95 * resident
        assert private_dirty == 0


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_changed_source_is_decoded_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("1")

    def decode() -> store.Arrays:
        return {"x": torch.tensor([int(source.read_text())])}

    assert store.shared("made", [source], decode)["x"].item() == 1
    status = source.stat()
    source.write_text("2")  # the same size, another moment
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert store.shared("made", [source], decode)["x"].item() == 2
    other = tmp_path / "other"
    other.write_text("3")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.shared("made", [source, other], decode)["x"].item() == 2
    assert len(list(store.folder().glob("made-*.pt"))) == 3


def test_a_write_into_the_mapping_stays_in_its_process(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("raw")

    def decode() -> store.Arrays:
        return {"x": torch.zeros(5000, dtype=torch.uint8)}

    store.shared("made", [source], decode)["x"].fill_(1)
    assert store.shared("made", [source], decode)["x"].sum() == 0


def test_a_failed_decoding_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("raw")

    def broken() -> store.Arrays:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        store.shared("made", [source], broken)
    with pytest.raises(TypeError):  # killed in the middle of writing
        store._write({"x": torch.zeros(2), "y": Unwritable()}, store.folder() / "made-0.pt")  # type: ignore[dict-item]
    assert [path.suffix for path in store.folder().iterdir()] == [".lock"]
    assert store.shared("made", [source], lambda: {"x": torch.ones(1)})["x"].item() == 1


class Unwritable:
    def contiguous(self) -> object:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("can't be written")


def test_no_place_to_write_is_said_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.write_text("raw")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="keeps its own copy of made"):
        arrays = store.shared("made", [source], lambda: {"x": torch.ones(3)})
    assert arrays["x"].sum() == 3
