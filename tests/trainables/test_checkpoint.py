from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables import checkpoint
from trainables.errors import ConfigError


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    checkpoint.save({"epoch": 3, "w": torch.arange(4.0)}, tmp_path / "state.pt")
    state = checkpoint.load(tmp_path / "state.pt")
    assert state["epoch"] == 3
    assert torch.equal(state["w"], torch.arange(4.0))


def test_loading_a_state_executes_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"model": Trap()}, tmp_path / "state.pt")
    with pytest.raises(ConfigError, match="not a checkpoint: it holds other things"):
        checkpoint.load(tmp_path / "state.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_failed_save_keeps_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save({"epoch": 1}, path)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        checkpoint.save({"epoch": lambda: 2}, path)
    assert checkpoint.load(path) == {"epoch": 1}


@pytest.mark.parametrize("damage", ["empty", "torn", "text", "list"])
def test_a_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save({"w": torch.zeros(1000)}, path)
    if damage == "list":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"empty": b"", "torn": path.read_bytes()[:2000], "text": b"hello world\n"}[damage])
    with pytest.raises(ConfigError, match=r"state\.pt: .*not a checkpoint"):
        checkpoint.load(path)
