"""The files of a study folder as records: what is repaired, what is refused, in one message for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: a report can be made there, a study cannot run
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
Record = dict[str, Any]
# One for all lines: json.loads with an argument makes a decoder for each, which takes as long as decoding.
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)


class StudyError(Exception):
    """A folder that cannot become a report: what was given, the rule it breaks, a valid choice."""


def study_json(folder: Path) -> Record:
    """study.json of a study folder, of this format, with its two or three objectives. Raises `StudyError`."""
    file = folder / "study.json"
    if not folder.is_dir():
        given = "is not a folder" if folder.exists() else "does not exist"
        raise StudyError(f"{folder} {given}; a study folder is needed. {choices(folder)}")
    if not file.is_file():
        raise StudyError(f"{folder} is not a study folder: it has no study.json. {choices(folder)}")
    try:
        info = json.loads(file.read_bytes())
    except ValueError as error:
        raise StudyError(f"{file} is not valid JSON ({error}). {choices(folder)}") from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        given = repr(info.get("format")) if isinstance(info, dict) else "none"
        raise StudyError(f"{file} has format {given}; this program reads format {FORMAT}. {choices(folder)}")
    objectives = info.get("objectives")
    if not isinstance(objectives, list):
        raise StudyError(f"{file} names no list of objectives. {choices(folder)}")
    if len(set(map(str, objectives))) != len(objectives) or len(objectives) not in (2, 3):
        raise StudyError(
            f"{file} names the objectives {', '.join(map(str, objectives)) or 'none'}; this program reads "
            f"two or three different ones. {choices(folder)}"
        )
    return info


def abandoned(folder: Path, info: Record) -> bool:
    """Whether study.json says that the study runs while no process holds its folder: it was killed.

    A driver holds a lock on `.lock`, which the kernel frees however the driver ends. A folder without the
    file was written by something else: then study.json is believed.
    """
    file = folder / ".lock"
    if info.get("state") != "running" or not file.is_file() or fcntl is None:
        return False
    try:
        with file.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # closing the file frees it
    except OSError:  # BlockingIOError: it is held; others: the file system has no locks
        return False
    return True


def choices(folder: Path) -> str:
    """Study folders under the given path, or else near the closest parent that exists."""
    near = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    found: list[Path] = []
    for root in (near, near.parent):
        # One and two levels: a study folder, or the folder `studies` that holds them. Deeper could take long.
        found += sorted(
            path.parent for pattern in ("*/study.json", "*/*/study.json") for path in root.glob(pattern)
        )
    names = [str(path) for path in dict.fromkeys(found) if path.resolve() != folder.resolve()][:5]
    return f"Study folders nearby: {', '.join(names)}" if names else "No study folder is nearby."


def lines(file: Path, keys: tuple[str, ...], notices: list[str]) -> list[Record]:
    """The objects of a .jsonl file, without a torn last line; each must hold whole numbers under `keys`."""
    parts = file.read_bytes().split(b"\n")
    torn = parts.pop() != b""  # after a complete last line there is nothing
    records: list[Record] = []
    for at, part in enumerate(parts, 1):
        try:
            record = _DECODER.decode(part.decode())
            if not isinstance(record, dict) or not all(type(record.get(key)) is int for key in keys):
                raise ValueError(
                    "not an object with " + " and ".join(f"a whole number '{key}'" for key in keys)
                )
        except ValueError as error:  # includes JSONDecodeError and UnicodeDecodeError
            if at == len(parts) and not torn:
                torn = True
                break
            raise StudyError(
                f"{file}, line {at}, cannot be read ({error}). Only the last line may be torn, by a crash; "
                f"restore the line or remove it."
            ) from None
        records.append(record)
    if torn:
        notices.append(f"The last line of {file.name} was torn and is left out (line {len(records) + 1}).")
    return records


def unique(records: list[Record], keys: tuple[str, ...], name: str, notices: list[str]) -> list[Record]:
    """One record per key, the later one. Repeated epochs are normal after a restart; trials are told."""
    kept = {tuple(record[key] for key in keys): record for record in records}
    if name and len(kept) < len(records):
        notices.append(
            f"{name} holds some trials twice; the later line counts ({len(records) - len(kept)} left out)."
        )
    return [kept[key] for key in sorted(kept)]


def number(value: object, default: float = float("nan")) -> float:
    """`value` as a float where it is a number, else `default`."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def mapping(value: object) -> Record:
    """`value` where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}
