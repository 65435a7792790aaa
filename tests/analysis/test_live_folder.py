"""A folder that is written while it is read, and the same bytes from the same rows."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.results import load
from tests.analysis.folder import write_study


@pytest.mark.parametrize("name", ["trials", "epochs"])
def test_every_moment_of_an_append_can_be_read(tmp_path: Path, name: str) -> None:
    """Cut after every few bytes of the last two lines: whole lines count, a torn one is told."""
    folder = write_study(tmp_path / "s", trials=3, state="running")
    file = folder / f"{name}.jsonl"
    content = file.read_bytes()
    lines = content.splitlines(keepends=True)
    start = len(content) - len(lines[-1]) - len(lines[-2])
    for end in [*range(start, len(content), 41), len(content) - 1, len(content)]:
        file.write_bytes(content[:end])
        study = load(folder)
        rows = study.trials if name == "trials" else study.epochs
        assert len(rows) == content[:end].count(b"\n")
        assert bool(study.notices) == (content[end - 1 : end] != b"\n")


def test_the_same_bytes_from_any_process_and_any_order_of_rows(tmp_path: Path) -> None:
    """Two hash seeds, two orders of the lines: one report."""
    folder = write_study(tmp_path / "s", trials=12)
    digests = set()
    for seed in (0, 1):
        for name in ("trials", "epochs"):
            lines = (folder / f"{name}.jsonl").read_text().splitlines(keepends=True)
            random.Random(seed).shuffle(lines)
            (folder / f"{name}.jsonl").write_text("".join(lines))
        output = tmp_path / f"{seed}.html"
        command = [sys.executable, "-m", "analysis.report", str(folder), "--output", str(output)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": str(seed)})
        digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
    assert len(digests) == 1
