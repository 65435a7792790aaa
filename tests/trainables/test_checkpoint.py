from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables import checkpoint
from trainables.errors import ConfigError

STATE = {"config": {}, "model": {"w": torch.arange(1000.0)}}


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save(STATE | {"epoch": 3}, tmp_path / "state.pt")
    state = checkpoint.load(tmp_path / "state.pt")
    assert state["epoch"] == 3
    assert torch.equal(state["model"]["w"], torch.arange(1000.0))


def test_loading_a_state_executes_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"model": Trap()}, tmp_path / "state.pt")
    with pytest.raises(ConfigError, match="could run code; refused"):
        checkpoint.load(tmp_path / "state.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_failed_save_keeps_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(STATE | {"epoch": 1}, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        checkpoint.save(STATE | {"epoch": lambda: 2}, path)
    assert checkpoint.load(path)["epoch"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_whatever_bit_is_flipped_it_is_damaged_or_whole(tmp_path: Path) -> None:
    """Also those of the archive's own tables, which no checksum covers."""
    checkpoint.save({"config": {}, "model": {"w": torch.arange(2.0)}}, tmp_path / "state.pt")
    whole = (tmp_path / "state.pt").read_bytes()
    draw = random.Random(0)
    refused = 0
    for at in range(len(whole)):
        for mask in (1 << draw.randrange(8), 0xFF):
            flipped = whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]
            try:
                state = checkpoint.unpacked(flipped, "state.pt")
            except ConfigError:
                refused += 1
            else:
                assert torch.equal(state["model"]["w"], torch.arange(2.0))
    assert refused > len(whole)


@pytest.mark.parametrize("damage", ["empty", "torn", "flipped", "text", "list", "other"])
def test_a_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(STATE, path)
    whole = path.read_bytes()
    if damage in ("list", "other"):
        torch.save([1, 2] if damage == "list" else {"config": 1, "model": 2}, path)
    else:
        flipped = whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]
        files = {"empty": b"", "torn": whole[:2000], "flipped": flipped, "text": b"hello world\n"}
        path.write_bytes(files[damage])
    with pytest.raises(ConfigError, match=r"state\.pt: damaged, or not a checkpoint"):
        checkpoint.load(path)
