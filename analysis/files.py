"""The files of a study folder: found inside the folder only, read in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LINE_LIMIT = 8 << 20  # bytes; the longest line of a real study, 1,000 layers with every metric, is near 1 MiB
PIECE = 16 << 20  # bytes; measured: pieces of 4 to 64 MiB take the same time, larger ones more memory


class StudyError(Exception):
    """A folder that cannot become a report: what was given, the rule it breaks, a valid choice."""


def inside(folder: Path, name: str) -> Path | None:
    """The regular file `name` of a folder; None where there is none. Raises `StudyError` for a way out.

    A link may point to another place in the folder, never out of it: a folder that somebody sent must not
    draw a private file into a report that is handed on. Pipes and devices are no files: reading may not end.
    """
    file = folder / name
    try:
        if not file.is_file():
            return None
        if not file.resolve().is_relative_to(folder.resolve()):
            raise StudyError(
                f"{file} is a link to a place outside the study folder, which is not read. Put a copy of the "
                f"file there instead: cp --remove-destination {file.resolve()} {file}"
            )
    except (OSError, RuntimeError):  # a loop of links, a folder that may not be entered
        return None
    return file


def whole(file: Path, limit: int = 64 << 20) -> bytes:
    """A file's bytes. Raises `StudyError` where there are more than `limit`, or where it cannot be read."""
    try:
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise unreadable(file, error) from None
    if len(content) > limit:
        raise StudyError(f"{file} is larger than {limit >> 20} MiB, which no {file.name} of a study is.")
    return content


def pieces(file: Path, size: int = PIECE) -> Iterator[tuple[bytes, int, bool, bool]]:
    """Whole lines of a file, about `size` bytes at a time: (bytes, number of the first line, last, torn).

    `last` marks the last piece; there, `torn` says that something follows the last newline. An empty file
    gives one empty, last piece. Memory stays below 2 `size` + `LINE_LIMIT`. Raises
    `StudyError` for a longer line.
    """
    at, kept, rest, long = 1, b"", [b""], False
    try:
        with file.open("rb") as stream:
            while part := stream.read(size):
                cut = part.rfind(b"\n") + 1
                if cut and long:
                    raise StudyError(too_long(file, at + kept.count(b"\n")))
                if not cut:
                    # A crash can leave gigabytes of zeros behind the last line: that is a torn line too.
                    long = long or sum(map(len, rest)) + len(part) > LINE_LIMIT
                    rest = [b"\0"] if long else [*rest, part]
                    continue
                if kept:
                    yield kept, at, False, False
                    at += kept.count(b"\n")
                kept, rest = b"".join([*rest, part[:cut]]), [part[cut:]]
    except OSError as error:
        raise unreadable(file, error) from None
    yield kept, at, True, any(rest)


def too_long(file: Path, at: int) -> str:
    """The message for a line that is longer than any line of a study."""
    return (
        f"{file}, line {at}, is longer than {LINE_LIMIT >> 20} MiB, which no line of a study is; "
        "remove the line."
    )


def unreadable(file: Path, error: OSError) -> StudyError:
    """The error for a file that the system does not let us read."""
    return StudyError(f"{file} cannot be read: {error.strerror or error}. Check its permissions.")
