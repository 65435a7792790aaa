"""What ``--fetch`` is told of a study elsewhere: which one, which files. The other side may say anything."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from study.remote.agent import JOURNALS, LOGS, Frame
from study.words import one_line
from trainables.errors import ConfigError

ORIGIN = ("name", "created_at", "space_hash", "seed", "code", "objectives", "data")  # told at a study's begin
DEEPEST, LONGEST = 8, 255  # folders in a path, bytes in a name
NAMED = 5  # files named in one message
SHA256 = re.compile("[0-9a-f]{64}")

Ask = Callable[[Frame], Iterator[Frame]]


@dataclass
class File:
    """One file of the manifest."""

    path: str
    size: int
    sha256: str
    part: str | None = None  # digest of its first bytes, as many as the file has here


@dataclass
class Manifest:
    """What there is to fetch."""

    study: Frame
    origin: str
    state: str
    place: str  # HOST:FOLDER
    files: list[File] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # paths that are not a study's, and not fetched

    @property
    def left(self) -> str | None:
        """What stays there, in a line."""
        if not self.odd:
            return None
        names = ", ".join(repr(path[:80]) for path in self.odd[:NAMED])
        more = f" and {len(self.odd) - NAMED} more" if len(self.odd) > NAMED else ""
        return one_line(f"not fetched, their names are none of a study's files: {names}{more}")


def unsafe(path: Any) -> str | None:
    """Why a path from elsewhere is not one inside a study folder; None where it is."""
    if not isinstance(path, str) or not path:
        return "is no path"
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "/".join(parts) != path or ".." in parts:
        return "leads out of the study folder"
    return None


def odd(path: str) -> bool:
    """Whether a path inside is not one of a study's files, so that it is better not made here.

    Other programs leave theirs in a folder: harmless there, and no reason to fetch nothing.
    """
    parts = PurePosixPath(path).parts
    long = len(parts) > DEEPEST or any(len(part.encode(errors="replace")) > LONGEST for part in parts)
    named = path.isprintable() and not set(path) & set(":\\") and all(part[0] not in ".~-" for part in parts)
    return long or not named or path.endswith(JOURNALS)


def origin(study: Frame) -> str:
    """12 hex digits that two studies share only if they are one, however far each copy has got."""
    told = json.dumps({name: study.get(name) for name in ORIGIN}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def frames(ask: Ask, name: str, request: Frame) -> Iterator[Frame]:
    """The agent's frames. ConfigError for its errors, and for what is no frame."""
    for frame in ask({"name": name, **request}):
        if not isinstance(frame, dict):
            raise ConfigError([f"--fetch {name}: refused, the cluster sends what is none of our agent's"])
        if "error" in frame:
            raise ConfigError([f"--fetch {name}: {frame['error']}"])
        yield frame


def manifest(ask: Ask, name: str, roots: list[str], have: dict[str, int]) -> Manifest:
    """The files there, and of those that we ``have`` (bytes) the digest of as much.

    ConfigError: no such study, paths that lead elsewhere, or what is no manifest.
    """
    result: Manifest | None = None
    problems, seen = [], set()
    for frame in frames(ask, name, {"ask": "manifest", "roots": roots, "have": have}):
        path = frame.get("path")
        if result is None:
            if not isinstance(frame.get("study"), dict):
                break
            result = _head(name, frame)
        elif why := unsafe(path):
            problems.append(f"--fetch {name}: refused, {str(path)!r} {why}")
        elif path in seen:
            problems.append(f"--fetch {name}: refused, {path!r} comes twice")
        elif odd(str(path)):
            result.odd.append(str(path))
        elif (file := _file(frame)) is None:
            problems.append(f"--fetch {name}: refused, {path!r} comes without its size and digest")
        else:
            result.files.append(file)
            seen.add(path)
    if problems:
        raise ConfigError(problems[:NAMED])
    if result is None or "study.json" not in seen:
        raise ConfigError(
            [f"--fetch: no study {name} there (in {', '.join(roots)}); --list shows what there is"]
        )
    return result


def have(folder: Path) -> dict[str, int]:
    """Bytes of the logs here."""
    return {f"{log}.jsonl": size(folder / f"{log}.jsonl") for log in LOGS}


def size(path: Path) -> int:
    """Bytes of a plain file; 0 where there is none."""
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0


def sha256(path: Path) -> str | None:
    """Digest of a plain file; None where there is none."""
    if not path.is_file() or path.is_symlink():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _head(name: str, frame: Frame) -> Manifest:
    try:
        told = origin(frame["study"])
    except (ValueError, RecursionError):
        raise ConfigError([f"--fetch {name}: study.json is damaged there, it holds no study"]) from None
    place = f"{frame.get('host', 'elsewhere')}:{frame.get('folder')}"
    return Manifest(frame["study"], told, one_line(str(frame.get("state"))), one_line(place))


def _file(frame: Frame) -> File | None:
    length, digest, part = frame.get("size"), frame.get("sha256"), frame.get("part")
    hashed = all(isinstance(one, str) and SHA256.fullmatch(one) for one in (digest, part or digest))
    if type(length) is not int or length < 0 or not hashed:
        return None
    return File(frame["path"], length, str(digest), part)
