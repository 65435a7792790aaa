"""Results that were not written here: a table (CSV, JSON Lines) or TensorBoard logs become a study.

A new format is a file with a function `(path, rules) -> Foreign` and a row of `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.foreign import csvs, jsonl, tensorboard
from analysis.foreign.columns import columns
from analysis.foreign.mapping import FILE, Rules, rules
from analysis.foreign.study import study
from analysis.foreign.table import Foreign, Problems
from analysis.records import StudyError, choices
from analysis.results import Study
from analysis.results import load as load_folder


@dataclass(frozen=True)
class Format:
    """How a format is told by a file's name (`pattern`, of glob) and read."""

    pattern: str
    read: Callable[[Path, Rules], Foreign]


FORMATS: dict[str, Format] = {
    "csv": Format("*.csv", csvs.read),
    "jsonl": Format("*.jsonl", jsonl.read),
    "tensorboard": Format(tensorboard.PATTERN, tensorboard.read),
}


def load(path: Path) -> Study:
    """A study folder, or foreign results: a file of a known format, a folder with mapping.toml or logs.

    mapping.toml beside a file (or in the folder) says what its columns mean. Raises `StudyError` with one
    message that holds all problems.
    """
    if not _is_foreign(path):
        return load_folder(path)
    try:
        return _load(path)
    except Problems as error:
        listed = error.problems[0] if len(error.problems) == 1 else "; ".join(
            f"({i}) {problem}" for i, problem in enumerate(error.problems, 1)
        )  # fmt: skip
        raise StudyError(f"{path} cannot become a report: {listed}.") from None
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}. {choices(path)}") from None


def _is_foreign(path: Path) -> bool:
    if path.is_file():
        return path.name != FILE and _format_of(path) is not None
    if not path.is_dir() or (path / "study.json").exists():
        return False
    if (path / FILE).is_file():
        return True
    # A folder of studies is no log, even though Ray Tune writes event files into them.
    studies = any(next(path.glob(pattern), None) for pattern in ("*/study.json", "*/*/study.json"))
    return not studies and next(path.rglob(tensorboard.PATTERN), None) is not None


def _format_of(path: Path) -> str | None:
    return next((name for name, known in FORMATS.items() if path.match(known.pattern)), None)


def _load(path: Path) -> Study:
    folder = path if path.is_dir() else path.parent
    given = rules(folder / FILE, FORMATS) if (folder / FILE).is_file() else Rules()
    source = path
    if path.is_dir() and given.source:
        source = folder / given.source
        if not source.exists():
            raise Problems([f"{FILE}: source = {given.source!r} is not there"])
    elif path.is_file() and given.source and (folder / given.source).resolve() != path.resolve():
        given = Rules()  # it is the mapping of another file of this folder
    source, kind = _chosen(source, given)
    foreign = FORMATS[kind].read(source, given)
    return study(columns(foreign, given, source.resolve().name), foreign, given, source.resolve().name, kind)


def _chosen(source: Path, given: Rules) -> tuple[Path, str]:
    """The file or folder to read and its format. Raises `Problems` where there is no one choice."""
    if source.is_file():
        kind = given.format or _format_of(source)
        if kind is None:
            known = ", ".join(sorted(FORMATS))
            raise Problems([f'{source.name} is of no known format; put format = "..." into {FILE} ({known})'])
        return source, kind
    kinds = [given.format] if given.format else list(FORMATS)
    found: list[tuple[Path, str]] = []
    for kind in kinds:
        pattern = FORMATS[kind].pattern
        if kind == "tensorboard":
            found += [(source, kind)] if next(source.rglob(pattern), None) is not None else []
        else:
            found += [(file, kind) for file in sorted(source.glob(pattern)) if file.is_file()]
    if len(found) != 1:
        names = ", ".join(file.name for file, _ in found[:5]) or "none"
        raise Problems([
            f"{source} holds {len(found)} files of results that could be meant ({names}); put source = "
            f'"FILE" into {FILE}'
        ])  # fmt: skip
    return found[0]
