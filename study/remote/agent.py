"""What is asked of study folders, answered where they lie. Nothing but the standard library.

A request is a mapping, the answer a stream of mappings (frames), all of them JSON. The same function answers
in this process, in a Ray task on the head, behind ssh, where this file is all that any Python needs, or as a
job of its own (``python -m study.remote.agent REQUEST``), whose log carries the frames home. Nothing in a
study folder is executed, unpickled or followed out of it, and only plain files are read. Python 3.8 or later.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Dict  # noqa: UP035

Frame = Dict[str, Any]  # noqa: UP006  evaluated: no Python 3.8 has dict[...]

MARK = "spinetune: "  # of a frame's line among whatever else a job's log holds
LOGS = ("asked", "trials", "epochs")
BLOCK = 48 * 1024  # bytes of a file in one frame; divisible by 3, so base64 needs no padding
AT_ONCE = 2**20  # bytes of a log that are read at once
LARGEST = 8 * 2**20  # bytes of study.json, and of one line of a log; they have some KiB
DEEPEST = 64  # levels of JSON in JSON: theirs are below ten, Python's parser and printer stop at hundreds
LOOK_S = 1.0  # between two looks at a running study
KEPT_S = 900.0  # how long the log of an answered request stays: Ray keeps all for as long as the head lives
MARKER = ".fetched"  # in a copy of a study that was not over: from where, when, and its state then
PASSED_OVER = ("tune", ".lock", MARKER)  # Ray Tune's own files, of use to its driver only; the driver's lock
JOURNALS = ("-journal", "-wal", "-shm")  # SQLite would play them back into the database that lies beside them
ON_THE_MOVE = ("checkpoints/", "optuna.db")  # not read while a study runs: gone or other before they are home
# Of a trial's line what a list needs; of its metrics those of the objectives and these.
SHORT = ("number", "kind", "name", "state", "values", "violations", "replicate_of")
ALWAYS = ("accuracy_val", "sparsity_params")
# What comes of files that are none of a study's, RecursionError with them; OSError besides.
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


def answers(request: Frame) -> Iterator[Frame]:
    """The frames that answer ``request["ask"]``; an error is one too, in a list the state of its study."""
    asked = {"list": _list, "watch": _watch, "manifest": _manifest, "read": _read}
    try:
        yield from asked[request["ask"]](request)
    except (OSError, *ODD) as error:
        yield {"error": _why(error)}


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'the study folder'}: {error.strerror or error}"
    return str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"


def found(request: Frame) -> Path | None:
    """The folder of the study ``name``, in the first of ``roots`` that has it."""
    for root in request["roots"]:
        folder = Path(root).expanduser() / str(request["name"])
        if os.path.lexists(folder / "study.json"):  # what is none is said, not looked for elsewhere
            return folder
    return None


def state(folder: Path, study: Frame) -> str:
    """What study.json says; for ``running``: ``copy (...)`` if fetched, ``killed`` if nobody has its lock."""
    said = str(study.get("state"))
    if said != "running":
        return said
    copy = copied(folder)
    if copy is not None:
        return f"copy ({copy['state']} at {copy['at']})"
    try:
        with _open(folder, ".lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back with the file
    except (BlockingIOError, PermissionError):  # another user's: it is what it says
        return "running"
    except OSError:
        pass
    return "killed"


def copied(folder: Path) -> Frame | None:
    """What the marker of a fetched folder says: ``from``, ``at``, ``state``; None where there is none."""
    if not os.path.lexists(folder / MARKER):
        return None
    told = None  # of a damaged one
    with contextlib.suppress(OSError), _open(folder, MARKER) as file:
        told = _mapping(file.read(AT_ONCE))
    return {key: str((told or {}).get(key, "unknown"))[:200] for key in ("from", "at", "state")}


def _open(folder: Path, inside: str) -> IO[bytes]:
    """A plain file inside a folder, to read. OSError where it is anything else or the way to it is a link."""
    parts = PurePosixPath(inside).parts
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        if inside.startswith("/") or ".." in parts:
            raise OSError(errno.EINVAL, "leads out of the study folder")
        for part in parts:
            outer, handle = handle, os.open(part, flags, dir_fd=handle)
            os.close(outer)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no plain file")
        return os.fdopen(handle, "rb")
    except OSError as error:
        os.close(handle)
        why = "a link, which is not followed" if error.errno == errno.ELOOP else error.strerror
        raise OSError(error.errno, why, inside) from None


def _mapping(text: bytes) -> Frame | None:
    """A JSON object; None where it is none, or so deep that no program could pass it on."""
    try:
        value = json.loads(text)
        deep = text.count(b"[") + text.count(b"{") > DEEPEST and _depth(value) > DEEPEST
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not deep else None


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _study(folder: Path) -> Frame:
    with _open(folder, "study.json") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"study.json has more than {LARGEST >> 20} MiB")
    return _mapping(text) or {"state": "damaged"}


def _list(request: Frame) -> Iterator[Frame]:
    """One frame for every study: of study.json and the trials' lines what a line of a table needs."""
    for root in dict.fromkeys(str(Path(root).expanduser()) for root in request["roots"]):
        for path in sorted(Path(root).glob("[!.]*/study.json")):
            folder = path.parent
            row: Frame = {"name": folder.name, "root": root, "study": {}, "trials": [], "now": time.time()}
            try:
                study = _study(folder)
                names = {*study.get("objectives", ()), *ALWAYS}
                row["trials"] = [_short(line, names) for line in _all(folder, "trials.jsonl")]
                row["state"] = state(folder, study)
                row["study"] = {key: study[key] for key in study if key not in ("metrics", "chips")}
            except (OSError, *ODD) as error:
                row["state"] = f"unreadable ({_why(error)})"
            yield row


def _short(line: Frame, names: set[str]) -> Frame:
    short = {key: line.get(key) for key in SHORT}
    config, metrics = line.get("config", {}), line.get("metrics", {})
    whole = line.get("kind") == "reference"  # the reference point is measured from the dense arm
    short["metrics"] = {key: value for key, value in metrics.items() if whole or key in names}
    short["config"] = {key: config.get(key) for key in ("pruner", "scheduler")}
    return short


def _watch(request: Frame) -> Iterator[Frame]:
    """What the logs have from the byte offsets ``at`` on, and what is added while the study runs.

    A frame at least every ``LOOK_S``. Ends when the study is over (``over`` in the last frame), unless asked
    to ``linger``, and after ``lease_s``: whoever has gone away without a word does not keep it running.
    """
    at = {name: int(request.get("at", {}).get(name, 0)) for name in LOGS}
    until = time.monotonic() + request["lease_s"]
    told: Frame | None = None
    while True:
        folder = found(request)
        frame: Frame = {"now": time.time()}
        more = False
        if folder is not None:
            study = _study(folder)  # read before the logs: what it calls ended is in them
            frame["state"] = state(folder, study)
            if study != told:
                frame["study"] = told = study
            for name in LOGS:
                lines, there = _lines(folder, f"{name}.jsonl", at[name])
                more |= there > at[name]
                at[name] = there
                frame[name] = lines if name != "epochs" else _latest(lines)
            frame["at"] = dict(at)
            frame["over"] = frame["state"] != "running" and not more
        yield frame
        if (frame.get("over") and not request.get("linger")) or time.monotonic() > until:
            return
        if not more:
            time.sleep(request.get("look_s", LOOK_S))


def _latest(rows: list[Frame]) -> list[Frame]:
    """The last row of every trial, without what only a report shows."""
    kept = ("number", "epoch", "progress", *ALWAYS)
    if any(type(row.get("number")) is not int for row in rows):
        raise ValueError("epochs.jsonl has a row without its trial's number")
    return list({row["number"]: {key: row.get(key) for key in kept} for row in rows}.values())


def _all(folder: Path, name: str) -> Iterator[Frame]:
    """All whole lines of a log."""
    at, there = -1, 0
    while at < there:
        at = there
        lines, there = _lines(folder, name, at)
        yield from lines


def _lines(folder: Path, name: str, offset: int) -> tuple[list[Frame], int]:
    """Whole lines from a byte offset on, and the offset behind them; without what is no JSON."""
    try:
        with _open(folder, name) as file:
            file.seek(offset)
            read = file.read(AT_ONCE)
            if b"\n" not in read and len(read) == AT_ONCE:  # a line longer than that
                read += file.readline(LARGEST)
                if len(read) == AT_ONCE + LARGEST and not read.endswith(b"\n"):
                    raise ValueError(f"{name} has a line of more than {LARGEST >> 20} MiB")
    except FileNotFoundError:
        return [], offset
    whole = read[: read.rfind(b"\n") + 1]
    lines = [line for line in map(_mapping, whole.splitlines()) if line is not None]
    return lines, offset + len(whole)


def _manifest(request: Frame) -> Iterator[Frame]:
    """Path, size and SHA-256 of every file of a study, and of the first ``have[path]`` bytes of some."""
    folder = found(request)
    if folder is None:
        return
    study = _study(folder)
    now = state(folder, study)
    yield {"study": study, "state": now, "folder": str(folder), "host": os.uname().nodename}
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if Path(place, name) != folder / PASSED_OVER[0])
        for name in sorted(names):
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            moving = now == "running" and inside.startswith(ON_THE_MOVE)
            if moving or inside in PASSED_OVER or name.endswith((".part", ".tmp", *JOURNALS)):
                continue
            with contextlib.suppress(FileNotFoundError):  # checkpoints of running trials come and go
                if stat.S_ISREG(path.lstat().st_mode):
                    yield {"path": inside, **_digest(folder, inside, request.get("have", {}).get(inside))}


def _digest(folder: Path, inside: str, have: int | None) -> Frame:
    """Size and digest of what is there now; a log may grow meanwhile, and what is added is not part of it."""
    digest, part, done = hashlib.sha256(), None, 0
    with _open(folder, inside) as file:
        size = os.fstat(file.fileno()).st_size
        while done < size:
            wanted = min(AT_ONCE, size - done, have - done if have is not None and have > done else AT_ONCE)
            if not (block := file.read(wanted)):
                break
            digest.update(block)
            done += len(block)
            if done == have:
                part = digest.hexdigest()
    return {"size": done, "sha256": digest.hexdigest(), "part": part}


def _read(request: Frame) -> Iterator[Frame]:
    """Bytes of files: ``files`` is a list of [path, from, to]."""
    folder = found(request)
    for inside, begin, end in request["files"] if folder is not None else ():
        assert folder is not None
        try:
            with _open(folder, inside) as file:
                file.seek(begin)
                while begin < end and (block := file.read(min(BLOCK, end - begin))):
                    yield {"path": inside, "at": begin, "data": base64.b64encode(block).decode()}
                    begin += len(block)
        except FileNotFoundError:
            yield {"path": inside, "gone": True}


def _clear_logs() -> None:
    """Remove the logs of requests that were answered a while ago; ours is where standard output goes."""
    with contextlib.suppress(OSError):
        mine = Path(os.readlink("/proc/self/fd/1"))  # noqa: PTH115  no Python 3.8 has Path.readlink
        if mine.name.startswith("job-driver-"):
            for log in mine.parent.glob("job-driver-spinetune-ask-*.log"):
                if time.time() - log.stat().st_mtime > KEPT_S:
                    log.unlink()


if __name__ == "__main__":
    _clear_logs()
    for frame in answers(json.loads(sys.argv[1])):
        print(MARK + json.dumps(frame), flush=True)
    print(MARK + '{"end": true}', flush=True)  # else whoever reads has not got all
