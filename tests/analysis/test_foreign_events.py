"""TensorBoard's files against those that TensorBoard writes, and against every way of breaking them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.tensorboard import SummaryWriter

from analysis.foreign.events import crc32c, masked, read_scalars, records


def record(data: bytes) -> bytes:
    """One record as the format wants it."""
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked(crc32c(head))) + data + struct.pack("<I", masked(crc32c(data)))


def test_checksum() -> None:
    """Vectors of RFC 3720, B.4, and the check value of the CRC catalogue."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_what_tensorboard_writes(tmp_path: Path) -> None:
    """Scalars of both kinds, in order, between images and histograms, with large and negative steps."""
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (0, 1, 300, 2**40):
            writer.add_scalar("val/acc", 0.5 + step % 7 / 16, step)
            writer.add_scalar("net/sparsity", 0.25, step, new_style=True)
            writer.add_scalar("exact", 1 / 3, step, new_style=True, double_precision=True)
        writer.add_image("image", np.zeros((3, 32, 32)), 1)
        writer.add_histogram("weights", np.arange(50.0), 1)
        writer.add_text("words", "no number", 1)
        writer.add_scalar("naïve tag", float("nan"), 2)
    (file,) = tmp_path.iterdir()
    notices: list[str] = []
    found = read_scalars(file, "f", notices)
    expected = []
    for step in (0, 1, 300, 2**40):
        expected += [
            (step, "val/acc", 0.5 + step % 7 / 16),
            (step, "net/sparsity", 0.25),
            (step, "exact", 1 / 3),
        ]
    assert found[:-1] == expected
    assert found[-1][:2] == (2, "naïve tag")
    assert np.isnan(found[-1][2])
    assert notices == []


@settings(deadline=None)
@given(st.lists(st.binary(max_size=700), max_size=6), st.data())
def test_a_cut_file_keeps_its_whole_records(parts: list[bytes], data: st.DataObject) -> None:
    """Every cut leaves the records before it; a cut between two is not a tear."""
    raw = b"".join(record(part) for part in parts)
    cut = data.draw(st.integers(0, len(raw)))
    ends = np.cumsum([len(record(part)) for part in parts]).tolist()
    whole = sum(end <= cut for end in ends)
    notices: list[str] = []
    assert records(raw[:cut], "f", notices) == parts[:whole]
    assert bool(notices) == (cut not in (0, *ends))
    assert all("torn" in notice for notice in notices)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=5), st.data())
def test_a_changed_bit_is_found(parts: list[bytes], data: st.DataObject) -> None:
    """Whatever bit changes: the records before it stay, none after it is believed, the reader is told."""
    raw = bytearray(b"".join(record(part) for part in parts))
    at, bit = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(0, 7))
    raw[at] ^= 1 << bit
    ends = np.cumsum([len(record(part)) for part in parts]).tolist()
    whole = sum(end <= at for end in ends)
    notices: list[str] = []
    assert records(bytes(raw), "f", notices) == parts[:whole]
    assert [notice for notice in notices if "damaged" in notice]


@pytest.mark.parametrize("data", [b"\xff", b"\x2a\xff", b"\x0b", b"\x2a\x02\x0a\x7f"])
def test_a_sound_record_that_is_no_event_is_told(data: bytes, tmp_path: Path) -> None:
    """The checksum holds, the message does not."""
    file = tmp_path / "events"
    file.write_bytes(record(data))
    notices: list[str] = []
    assert read_scalars(file, "f", notices) == []
    assert notices == ["f holds a record that is no event; it is left out."]
