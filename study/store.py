"""The study folder: append-only JSON lines, fsynced, readable with nothing but a JSON parser.

    study.json     what the study is: replaced as a whole, atomically
    trials.jsonl   one line per ended trial
    epochs.jsonl   one line per trial and epoch
    models/        the front's networks, baked, and index.json
    optuna.db, tune/, report.html   written by Optuna, Ray Tune and the report

A crash can tear the last line of a .jsonl file. Readers drop exactly that line; the writer cuts it off
before it appends, so that a torn line never ends up in the middle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

FORMAT = 1


def write_json(path: Path, value: Any) -> None:
    """Replace ``path`` so that a crash at any moment leaves the old file or the new one."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


class Lines:
    """One append-only .jsonl file. Each ``append`` is on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = self._cut_torn_line()
        self._file: IO[bytes] = path.open("ab")

    def _cut_torn_line(self) -> bytes:
        """Remove what follows the last newline; returns it (empty: nothing was torn)."""
        if not self.path.exists():
            return b""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        return content[len(whole) :]

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line. One write call: a crash leaves the line whole, torn at the end, or absent."""
        self._file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All rows written so far."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Store:
    """The files of one study that are ours to write."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.trials = Lines(folder / "trials.jsonl")
        self.epochs = Lines(folder / "epochs.jsonl")
        self.study: dict[str, Any] = {}

    def update(self, **entries: Any) -> None:
        """Change entries of study.json."""
        self.study |= entries
        write_json(self.folder / "study.json", self.study)

    def load(self) -> dict[str, Any]:
        """Read study.json of a study that exists."""
        self.study = json.loads((self.folder / "study.json").read_text(encoding="utf-8"))
        return self.study

    @property
    def models(self) -> Path:
        """Folder of the front's networks."""
        path = self.folder / "models"
        path.mkdir(exist_ok=True)
        return path

    def close(self) -> None:
        """Close both files."""
        self.trials.close()
        self.epochs.close()
