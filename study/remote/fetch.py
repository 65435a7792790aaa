"""``--fetch``: a study's folder from elsewhere, verified; what is here already is never damaged.

Files arrive in a folder of their own beside the study's (``.NAME-ID.fetch``) and are moved to their places
when all of them are whole, study.json last. What a broken transfer has left there is used by the next one. ID
stands for the study's origin, so that two studies of one name cannot meet there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from study.remote.agent import LOGS, Frame
from study.words import plain
from trainables.errors import ConfigError

TRIES = 5  # at the same files, where a connection breaks or a file changes while it is read
BATCH = 128 * 2**20  # bytes of one request: they pass through a log on the head's disk
MANY = 400  # files of one request: it is a word of a command line, 128 KiB at most
ORIGIN = ("name", "created_at", "space_hash", "seed", "code", "objectives", "data")  # told at a study's begin
DEEPEST, LONGEST = 8, 255  # folders in a path, bytes in a name

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
    state: str
    folder: str
    files: list[File] = field(default_factory=list)


def unsafe(path: Any) -> str | None:
    """Why a path from elsewhere is not one inside a study folder; None where it is."""
    if not isinstance(path, str) or not path:
        return "no path"
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or "/".join(parts) != path or ".." in parts:
        return "leads out of the study folder"
    if len(parts) > DEEPEST or any(len(part.encode(errors="replace")) > LONGEST for part in parts):
        return "too long"
    if not path.isprintable() or ":" in path or any(part[0] in ".~-" for part in parts):
        return "not a name of a study's files"
    return None


def origin(study: Frame) -> str:
    """12 hex digits that two studies share only if they are one, however far each copy has got."""
    told = json.dumps({name: study.get(name) for name in ORIGIN}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def manifest(ask: Ask, name: str, roots: list[str], here: Path) -> Manifest:
    """The files there. ConfigError: no such study, or paths that must not be written."""
    have = {f"{log}.jsonl": _size(here / f"{log}.jsonl") for log in LOGS}
    result: Manifest | None = None
    problems = []
    for frame in ask({"ask": "manifest", "name": name, "roots": roots, "have": have}):
        if "error" in frame:
            raise ConfigError([f"--fetch {name}: {plain(frame['error'])}"])
        if result is None:
            if not isinstance(frame.get("study"), dict):
                break
            result = Manifest(frame["study"], str(frame["state"]), str(frame["folder"]))
        elif why := unsafe(frame.get("path")):
            problems.append(f"--fetch {name}: refused, {plain(str(frame.get('path')))!r} {why}")
        elif any(file.path == frame["path"] for file in result.files):
            problems.append(f"--fetch {name}: refused, {frame['path']!r} comes twice")
        else:
            size, part = int(frame["size"]), frame.get("part")
            result.files.append(File(frame["path"], size, str(frame["sha256"]), part))
    if problems:
        raise ConfigError(problems[:5])
    if result is None or not any(file.path == "study.json" for file in result.files):
        raise ConfigError(
            [f"--fetch: no study {name} there (in {', '.join(roots)}); --list shows what there is"]
        )
    return result


def check_place(folder: Path, there: Manifest) -> None:
    """ConfigError where the folder here is another study's, or has gone on by itself."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError([f"--fetch: {folder} is not a folder; choose another --output"])
    if not folder.exists() or not any(folder.iterdir()):
        return
    try:
        mine = json.loads((folder / "study.json").read_text())
    except (OSError, ValueError):
        mine = {}
    if not isinstance(mine, dict) or origin(mine) != origin(there.study):
        raise ConfigError([f"--fetch: {folder} holds another study; choose another place (--output FOLDER)"])
    for file in there.files:
        size = _size(folder / file.path)
        log = file.path.removesuffix(".jsonl") in LOGS
        if log and size and file.part != _sha256(folder / file.path):
            gone = "has gone on here, apart from the one there"
            raise ConfigError([f"--fetch: {folder} {gone}; choose another place (--output FOLDER)"])


def fetch(
    ask: Ask,
    name: str,
    roots: list[str],
    output: Path,
    told: Callable[[int, int], None],
    again: Callable[[], None],
) -> tuple[Path, Manifest]:
    """Bring the study home; its folder here, and what it was when it was read.

    ``told(done, total)`` hears of the bytes. ``again`` mends a broken connection.
    """
    folder = output / name
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            there = manifest(ask, name, roots, folder)
            check_place(folder, there)
            scratch = output / f".{name}-{origin(there.study)}.fetch"
            wanted = [file for file in there.files if _sha256(folder / file.path) != file.sha256]
            _check_room(output, scratch, wanted)
            if _receive(ask, name, roots, scratch, wanted, told):
                _settle(scratch, folder, wanted)
                return folder, there
        except OSError as error:
            if last or error.errno is not None:  # a number: this machine's disk, not the connection
                raise ConfigError([f"--fetch {name}: {error}; the same command goes on with it"]) from None
            again()
    raise ConfigError(
        [f"--fetch {name}: its files change faster than they are read; try again when it rests"]
    )


def _check_room(output: Path, scratch: Path, wanted: list[File]) -> None:
    for place in (output, scratch):
        if place.is_symlink() and place == scratch:
            raise ConfigError([f"--fetch: {scratch} is a link; remove it"])
        place.mkdir(parents=True, exist_ok=True)
    missing = sum(file.size - min(_size(scratch / file.path), file.size) for file in wanted)
    free = shutil.disk_usage(output).free
    if missing > free:
        raise ConfigError(
            [f"--fetch: {missing / 2**20:.0f} MiB to come, {output} has {free / 2**20:.0f} MiB free"]
        )


def _receive(
    ask: Ask, name: str, roots: list[str], scratch: Path, wanted: list[File], told: Callable[[int, int], None]
) -> bool:
    """Fill ``scratch``; whether all files are what the manifest says. What is not is removed."""
    total = sum(file.size for file in wanted)
    while True:
        begun = {file.path: _size(scratch / file.path) for file in wanted}
        for file in wanted:  # longer than it may be: not ours to keep
            if begun[file.path] > file.size:
                (scratch / file.path).unlink()
                begun[file.path] = 0
        done = sum(begun.values())
        told(done, total)
        batch: list[list[Any]] = []
        room = BATCH
        for file in wanted:
            if begun[file.path] < file.size and room > 0 and len(batch) < MANY:
                end = min(file.size, begun[file.path] + room)
                batch.append([file.path, begun[file.path], end])
                room -= end - begun[file.path]
            elif file.size == 0:
                _append(scratch / file.path, 0, b"")
        if not batch:
            break
        ends = {path: end for path, _, end in batch}
        before = done
        for frame in ask({"ask": "read", "name": name, "roots": roots, "files": batch}):
            if "data" not in frame:
                continue
            data = base64.b64decode(frame["data"], validate=True)
            at = frame["at"]
            if frame["path"] not in ends or at + len(data) > ends[frame["path"]]:
                raise ConfigError([f"--fetch {name}: refused, the cluster sends what was not asked for"])
            _append(scratch / frame["path"], at, data)
            done += len(data)
            told(done, total)
        if done == before:  # shorter or gone by now
            break
    bad = [file for file in wanted if _sha256(scratch / file.path) != file.sha256]
    for file in bad:
        (scratch / file.path).unlink(missing_ok=True)
    return not bad


def _append(path: Path, at: int, data: bytes) -> None:
    """Add to a file that is ``at`` bytes long; never through a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "ab") as file:
        if os.fstat(file.fileno()).st_size != at:
            raise ConfigError([f"--fetch: {path} is written by another process; wait for it"])
        file.write(data)


def _settle(scratch: Path, folder: Path, wanted: list[File]) -> None:
    """Move whole files to their places; the study becomes the new one with its study.json."""
    folder.mkdir(parents=True, exist_ok=True)
    home = folder.resolve()
    for file in sorted(wanted, key=lambda file: file.path == "study.json"):
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if home not in place.resolve().parents:
            raise ConfigError([f"--fetch: {place} leads out of {folder}; remove that link"])
        (scratch / file.path).replace(place)
    shutil.rmtree(scratch)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0


def _sha256(path: Path) -> str | None:
    if not path.is_file() or path.is_symlink():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
