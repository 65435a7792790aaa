"""What is asked of study folders, answered where they lie. Nothing but the standard library.

A request is a mapping, the answer a stream of mappings (frames), all of them JSON. The same function answers
in this process, in a Ray task on the head, behind ssh, where this file is all that any Python needs, or as a
job of its own (``python -m study.remote.agent REQUEST``), whose log carries the frames home. Nothing in a
study folder is executed, unpickled or followed out of it.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Frame = dict[str, Any]

MARK = "spinetune: "  # of a frame's line among whatever else a job's log holds
LOGS = ("asked", "trials", "epochs")
BLOCK = 48 * 1024  # bytes of a file in one frame; divisible by 3, so base64 needs no padding
AT_ONCE = 2**20  # bytes of a log that are read at once
LOOK_S = 1.0  # between two looks at a running study
KEPT_S = 900.0  # how long the log of an answered request stays: Ray keeps all for as long as the head lives
PASSED_OVER = ("tune", ".lock")  # Ray Tune's own files, of use to its driver only; the driver's lock
ON_THE_MOVE = ("checkpoints/", "optuna.db")  # not read while a study runs: gone or other before they are home
# Of a trial's line what a list needs; of its metrics those of the objectives and these.
SHORT = ("number", "kind", "name", "state", "values", "violations", "replicate_of")
ALWAYS = ("accuracy_val", "sparsity_params")


def answers(request: Frame) -> Iterator[Frame]:
    """The frames that answer ``request["ask"]``: list, watch, manifest or read.

    An error becomes a frame ``{"error": ...}``.
    """
    asked = {"list": _list, "watch": _watch, "manifest": _manifest, "read": _read}
    try:
        yield from asked[request["ask"]](request)
    except OSError as error:
        yield {"error": f"{error.filename or 'the study folder'}: {error.strerror or error}"}


def found(request: Frame) -> Path | None:
    """The folder of the study ``name``, in the first of ``roots`` that has it."""
    for root in request["roots"]:
        folder = Path(root).expanduser() / str(request["name"])
        if (folder / "study.json").is_file():
            return folder
    return None


def state(folder: Path, study: Frame) -> str:
    """What study.json says; ``killed`` where that is running and no process holds the folder's lock."""
    said = str(study.get("state"))
    if said != "running":
        return said
    try:
        with (folder / ".lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back with the file
    except BlockingIOError:
        return "running"
    except OSError:
        pass
    return "killed"


def _study(folder: Path) -> Frame:
    try:
        study = json.loads((folder / "study.json").read_bytes())
    except ValueError:
        study = None
    return study if isinstance(study, dict) else {"state": "damaged"}


def _list(request: Frame) -> Iterator[Frame]:
    """One frame for every study: of study.json and the trials' lines what a line of a table needs."""
    for root in dict.fromkeys(str(Path(root).expanduser()) for root in request["roots"]):
        for path in sorted(Path(root).glob("*/study.json")):
            folder, study = path.parent, _study(path.parent)
            trials, _ = _lines(folder / "trials.jsonl", 0, -1)
            names = {*study.get("objectives", ()), *ALWAYS}
            yield {
                "name": folder.name,
                "root": root,
                "state": state(folder, study),
                "study": {key: value for key, value in study.items() if key not in ("metrics", "chips")},
                "trials": [_short(line, names) for line in trials],
                "now": time.time(),
            }


def _short(line: Frame, names: set[str]) -> Frame:
    short = {key: line.get(key) for key in SHORT}
    config = line.get("config", {})
    metrics = line.get("metrics", {})
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
                lines, there = _lines(folder / f"{name}.jsonl", at[name], AT_ONCE)
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
    return list({row["number"]: {key: row.get(key) for key in kept} for row in rows}.values())


def _lines(path: Path, offset: int, most: int) -> tuple[list[Frame], int]:
    """Whole lines from a byte offset on (-1: all), and the offset behind them; without what is no JSON."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            read = file.read(most)
            if b"\n" not in read and len(read) == most:  # a line longer than that
                read += file.readline()
    except FileNotFoundError:
        return [], offset
    whole = read[: read.rfind(b"\n") + 1]
    lines = []
    for text in whole.splitlines():
        with contextlib.suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict):
                lines.append(line)
    return lines, offset + len(whole)


def _manifest(request: Frame) -> Iterator[Frame]:
    """Path, size and SHA-256 of every file of a study, and of the first ``have[path]`` bytes of some."""
    folder = found(request)
    if folder is None:
        return
    study = _study(folder)
    now = state(folder, study)
    yield {"study": study, "state": now, "folder": str(folder)}
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if Path(place, name) != folder / PASSED_OVER[0])
        for name in sorted(names):
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if now == "running" and inside.startswith(ON_THE_MOVE):
                continue
            if inside in PASSED_OVER or name.endswith((".part", ".tmp")) or path.is_symlink():
                continue
            with contextlib.suppress(FileNotFoundError):  # checkpoints of running trials come and go
                yield {"path": inside, **_digest(path, request.get("have", {}).get(inside))}


def _digest(path: Path, have: int | None) -> Frame:
    """Size and digest of what is there now; a log may grow meanwhile, and what is added is not part of it."""
    digest, part, done = hashlib.sha256(), None, 0
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while done < size:
            wanted = min(AT_ONCE, size - done, have - done if have is not None and have > done else AT_ONCE)
            block = file.read(wanted)
            if not block:
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
            with (folder / inside).open("rb") as file:
                file.seek(begin)
                while begin < end and (block := file.read(min(BLOCK, end - begin))):
                    yield {"path": inside, "at": begin, "data": base64.b64encode(block).decode()}
                    begin += len(block)
        except FileNotFoundError:
            yield {"path": inside, "gone": True}


def _clear_logs() -> None:
    """Remove the logs of requests that were answered a while ago; ours is where standard output goes."""
    with contextlib.suppress(OSError):
        mine = Path("/proc/self/fd/1").readlink()
        if mine.name.startswith("job-driver-"):
            for log in mine.parent.glob("job-driver-spinetune-ask-*.log"):
                if time.time() - log.stat().st_mtime > KEPT_S:
                    log.unlink()


if __name__ == "__main__":
    _clear_logs()
    for frame in answers(json.loads(sys.argv[1])):
        print(MARK + json.dumps(frame), flush=True)
    print(MARK + '{"end": true}', flush=True)  # else whoever reads has not got all
