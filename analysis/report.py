"""`python -m analysis.report FOLDER`: one study folder becomes one HTML file that opens offline."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from analysis.export import WIDTH_MM, export, strangers
from analysis.foreign import load
from analysis.records import StudyError
from analysis.render import comparison, page, report

COMPARISON = "comparison.html"


def write(text: str, output: Path) -> None:
    """Replace `output` in one step: a reader sees the old report or the new one. Raises `StudyError`."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        if output.is_dir():
            raise IsADirectoryError("it is a folder")
        with temporary.open("xb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
    except OSError as error:
        with contextlib.suppress(OSError):  # never made, where the folder is read-only
            temporary.unlink()
        near = next(parent for parent in output.absolute().parents if parent.is_dir())
        hint = output / "report.html" if output.is_dir() else near / output.name
        if not os.access(hint.parent, os.W_OK):
            hint = Path(tempfile.gettempdir()) / hint.name
        reason = error.strerror or str(error)
        raise StudyError(
            f"Cannot write the report to {output}: {reason}. --output {hint} would do."
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line. Returns the exit status: 0, or 2 after one message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m analysis.report", description=__doc__)
    parser.add_argument(
        "places", type=Path, nargs="+", metavar="FOLDER",
        help="a study folder, or foreign results: a CSV or JSONL table, a folder of TensorBoard logs or with "
        "a mapping.toml; of several, the first is compared with each of the others",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="default: FOLDER/report.html; of a file, FILE.report.html beside it; of several studies, "
        f"{COMPARISON} in the current folder",
    )  # fmt: skip
    parser.add_argument(
        "--export", type=Path, metavar="DIR",
        help="write figures (SVG) and their data (CSV) instead of a report",
    )  # fmt: skip
    parser.add_argument(
        "--width-mm", type=float, default=WIDTH_MM, metavar="MM",
        help="of exported figures; default: %(default)g",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    places: list[Path] = options.places
    try:
        studies = [load(place) for place in places]
        for place, study in zip(places, studies, strict=True):
            for notice in study.notices:
                print(f"note: {place}: {notice}" if len(studies) > 1 else f"note: {notice}", file=sys.stderr)
        several = len(studies) > 1
        whole = comparison(places, studies) if several else report(studies[0])
        if options.export is not None:
            written = export(whole.sections, options.export, options.width_mm)
            others = strangers(options.export, written)
            if others:
                print(f"note: {options.export} also holds {others}, not of this export", file=sys.stderr)
            print(options.export)
            if options.output is None:
                return 0
        beside = places[0].with_suffix(".report.html") if places[0].is_file() else places[0] / "report.html"
        output = options.output or (Path(COMPARISON) if several else beside)
        write(page(whole), output)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
