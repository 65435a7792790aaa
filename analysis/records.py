"""The files of a study folder as records: what is repaired, what is refused, in one message for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analysis.files import LINE_LIMIT, StudyError, inside, pieces, too_long, whole

__all__ = ["StudyError"]  # everybody imports it from here
FORMAT = 1
DEEPEST = 64  # levels of nesting; Python gives up at a thousand, in the middle of a section
LARGEST = 2**53  # whole numbers up to here are exact in a report's scripts
Record = dict[str, Any]
Piece = Callable[[bytes], Any]
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")


def _whole(digits: str) -> int | float:
    # int() refuses more than 4,300 digits; a float of that size is infinite, which is no measurement.
    return int(digits) if len(digits) < 300 else float(digits)


# One for all lines: json.loads with an argument makes a decoder for each, which takes as long as decoding.
_DECODER = json.JSONDecoder(parse_constant=lambda name: None, parse_int=_whole)


def decode(text: str) -> Any:
    """JSON as Python objects; what is not finite becomes None. Raises ValueError for anything else."""
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > DEEPEST and _deep(value):
        raise ValueError("nested too deeply")
    # Half a surrogate pair is JSON and no text: the report could not be written.
    return _mended(value) if _SURROGATE.search(text) else value


def _deep(value: Any) -> bool:
    """Whether lists and mappings stand in each other more than `DEEPEST` times."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            item
            for parent in level
            if isinstance(parent, list | dict)
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return any(isinstance(item, list | dict) for item in level)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return {_mended(key): _mended(item) for key, item in value.items()} if isinstance(value, dict) else value


def study_json(folder: Path) -> Record:
    """study.json of a study folder, of this format, with its two or three objectives. Raises `StudyError`."""
    file = folder / "study.json"
    if not folder.is_dir():
        given = "is not a folder" if folder.exists() else "does not exist"
        raise StudyError(f"{folder} {given}; a study folder is needed. {choices(folder)}")
    if inside(folder, "study.json") is None:
        raise StudyError(f"{folder} is not a study folder: it has no study.json. {choices(folder)}")
    try:
        info = decode(whole(file).decode())
    except ValueError as error:
        raise StudyError(f"{file} is not valid JSON ({error}). {choices(folder)}") from None
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        given = repr(info.get("format"))[:80] if isinstance(info, dict) else "none"
        raise StudyError(f"{file} has format {given}; this program reads format {FORMAT}. {choices(folder)}")
    objectives = info.get("objectives")
    if not isinstance(objectives, list):
        raise StudyError(f"{file} names no list of objectives. {choices(folder)}")
    names = [str(name)[:80] for name in objectives]
    if len(set(names)) != len(names) or len(names) not in (2, 3):
        raise StudyError(
            f"{file} names the objectives {', '.join(names[:9]) or 'none'}; this program reads "
            f"two or three different ones. {choices(folder)}"
        )
    return info


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
    return [record for records in parsed(file, keys, notices, None) for record in records]


def parsed(file: Path, keys: tuple[str, ...], notices: list[str], quick: Piece | None) -> Iterator[Any]:
    """A .jsonl file in pieces, without a torn last line: lists of records, or what `quick` makes of a piece.

    `quick(piece)`: a faster reader of whole lines that returns None for whatever it does not read exactly
    as this one would; such a piece is read here, line by line. Raises `StudyError` for a damaged line that is
    not the last: each must be an object that holds whole numbers from 0 to `LARGEST` under `keys`.
    """
    for piece, first, last, torn in pieces(file):
        found, damaged = quick(piece) if quick and piece else None, first + piece.count(b"\n") if torn else 0
        if found is None:
            found, at = _records(file, piece, first, keys, last and not torn)
            damaged = damaged or at
        if damaged:
            notices.append(f"The last line of {file.name} was torn and is left out (line {damaged}).")
        yield found


def _records(
    file: Path, piece: bytes, first: int, keys: tuple[str, ...], mend: bool
) -> tuple[list[Record], int]:
    """The lines of a piece, and the number of a damaged last one where `mend` allows it, else 0."""
    parts = piece.split(b"\n")[:-1]
    records: list[Record] = []
    for at, part in enumerate(parts, first):
        try:
            if len(part) > LINE_LIMIT:
                raise StudyError(too_long(file, at))
            record = decode(part.decode())
            if not isinstance(record, dict) or not all(countable(record.get(key)) for key in keys):
                raise ValueError(
                    "not an object with " + " and ".join(f"a whole number '{key}'" for key in keys)
                )
        except ValueError as error:  # includes JSONDecodeError and UnicodeDecodeError
            if mend and at == first + len(parts) - 1:
                return records, at
            raise StudyError(
                f"{file}, line {at}, cannot be read ({error}). Only the last line may be torn, by a crash; "
                f"restore the line or remove it."
            ) from None
        records.append(record)
    return records, 0


def countable(value: object) -> bool:
    """Whether a value is a whole number from 0 to `LARGEST`."""
    return type(value) is int and 0 <= value <= LARGEST


def unique(records: list[Record], keys: tuple[str, ...], name: str, notices: list[str]) -> list[Record]:
    """One record per key, the later one; a notice tells how many went."""
    kept = {tuple(record[key] for key in keys): record for record in records}
    if len(kept) < len(records):
        notices.append(
            f"{name} holds some trials twice; the later line counts ({len(records) - len(kept)} left out)."
        )
    return [kept[key] for key in sorted(kept)]


def number(value: object, default: float = float("nan")) -> float:
    """`value` as a float where it is a number, else `default`."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
    except OverflowError:  # a whole number beyond the largest float
        return default


def mapping(value: object) -> Record:
    """`value` where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}
