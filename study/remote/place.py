"""The folder here that ``--fetch`` fills: whose it is, kept from other processes, changed all at once.

A new study is its scratch folder, renamed. Into one that is here files are moved one by one, study.json last.
Whatever ends that in the middle, the next fetch goes on: it finds a study of the same origin, or one without
study.json beside the scratch folder, whose name has that origin.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from study.remote.agent import JOURNALS, LOGS, MARKER
from study.remote.manifest import File, Manifest, origin, sha256, size
from study.store import held, write_json
from trainables.errors import ConfigError

ELSEWHERE = "choose another place (--output FOLDER)"
OURS = (".lock", MARKER, f".{MARKER}.part")  # files that a fetch writes beside the study's


@contextmanager
def kept(folder: Path, scratch: Path, there: Manifest) -> Iterator[bool]:
    """Keep other processes away from the folder, or from the scratch folder that will be it; whether it will.

    ConfigError where another one has it, or where the folder is not this study's to change.
    """
    _check_kind(folder)
    if scratch.is_symlink():
        raise ConfigError([f"--fetch: {scratch} is a link; remove it"])
    with ExitStack() as stack:
        new = not folder.exists() or not any(folder.iterdir())
        if new:
            stack.enter_context(held(scratch, ELSEWHERE))
        else:
            _check(folder, scratch, there)  # before a lock is left in somebody else's folder
            stack.enter_context(held(folder, ELSEWHERE))
            _check(folder, scratch, there)
        yield new


def settle(scratch: Path, folder: Path, there: Manifest, wanted: list[File], *, new: bool) -> None:
    """Move whole files to their places; the study becomes the new one with its study.json."""
    if new:  # OSError where somebody has made one meanwhile
        _prune(scratch, {file.path for file in there.files})
        if _runs(scratch):
            _mark(scratch, there)
        _move(scratch, folder)
        return
    home = folder.resolve()
    for file in wanted:
        if home not in (folder / file.path).resolve().parents:
            raise ConfigError([f"--fetch: {folder / file.path} leads out of {folder}; remove that link"])
    runs = _runs(scratch if any(file.path == "study.json" for file in wanted) else folder)
    marked = (folder / MARKER).exists()
    if runs and (wanted or marked):  # of nothing new: it may be the study itself, on a shared disk
        _mark(folder, there)
    for file in sorted(wanted, key=lambda file: file.path == "study.json"):
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        for journal in JOURNALS if place.suffix == ".db" else ():  # of the database that goes
            place.with_name(place.name + journal).unlink(missing_ok=True)
        _move(scratch / file.path, place)
    if not runs:
        (folder / MARKER).unlink(missing_ok=True)
    shutil.rmtree(scratch)


def _check_kind(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError([f"--fetch: {folder} is not a folder; choose another --output"])
    for name in OURS:
        if (folder / name).is_symlink():
            raise ConfigError([f"--fetch: {folder / name} is a link; remove it"])


def _check(folder: Path, scratch: Path, there: Manifest) -> None:
    """ConfigError where the folder here is another study's, or has gone on by itself."""
    begun = not os.path.lexists(folder / "study.json") and scratch.is_dir()  # by a fetch that was ended
    if not begun and any(path.name not in OURS for path in folder.iterdir()):
        try:
            same = origin(_study(folder)) == there.origin
        except (OSError, ValueError, AttributeError, RecursionError):
            same = False
        if not same:
            raise ConfigError([f"--fetch: {folder} holds another study; {ELSEWHERE}"])
    for file in there.files:
        log = file.path.removesuffix(".jsonl") in LOGS
        if log and size(folder / file.path) and file.part != sha256(folder / file.path):
            gone = "has gone on here, apart from the one there"
            raise ConfigError([f"--fetch: {folder} {gone}; {ELSEWHERE}"])


def _study(folder: Path) -> Any:
    path = folder / "study.json"
    return json.loads(path.read_text(encoding="utf-8")) if size(path) else {}


def _runs(folder: Path) -> bool:
    """Whether study.json says so: then its driver was alive, or killed, and it may go on there."""
    try:
        return bool(_study(folder).get("state") == "running")
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def _mark(folder: Path, there: Manifest) -> None:
    """Say that this is a copy: of a running one, so that nobody goes on with it beside its driver."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    write_json(folder / MARKER, {"from": there.place, "at": at, "state": there.state})


def _prune(scratch: Path, paths: set[str]) -> None:
    """Remove what an earlier transfer has left of files that are no more."""
    for place, _, names in os.walk(scratch, topdown=False):
        for name in names:
            path = Path(place, name)
            if path.relative_to(scratch).as_posix() not in {*paths, *OURS}:
                path.unlink()
        if place != str(scratch) and not os.listdir(place):  # noqa: PTH208
            Path(place).rmdir()


def _move(source: Path, target: Path) -> None:
    source.replace(target)
