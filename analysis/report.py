"""`python -m analysis.report FOLDER`: one study folder becomes one HTML file that opens offline."""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis import embed, theme
from analysis.export import WIDTH_MM, export
from analysis.foreign import load
from analysis.page import curve_block, facts, live
from analysis.records import StudyError
from analysis.results import Study
from analysis.sections import SECTIONS
from analysis.sections.base import Material, Picture

TEMPLATES = Path(__file__).with_name("templates")


def render(study: Study) -> str:
    """The report's HTML. A function of the study alone: the same study gives the same characters."""
    material = Material.of(study)
    sections = [make(material) for make in SECTIONS]
    plotly_js = get_plotlyjs()
    first, script = _template("first.js"), _script()
    pictures = [picture for section in sections for picture in section.pictures]
    blocks = [embed.block("facts", facts(study, material.outcome, material.styles))]
    blocks.append(embed.block("palette", theme.DARK))
    blocks += [curve_block(section.curves) for section in sections if section.curves is not None]
    wholes = [table.whole for section in sections for table in section.tables if table.whole is not None]
    blocks += [embed.block(whole.key, whole.content()) for whole in wholes]
    for section in sections:
        for download in section.downloads:
            layout = {"rows": download.file.rows, "layout": download.file.layout}
            blocks += [
                embed.block(f"{download.key}-layout", layout),
                embed.element(f"{download.key}-file", download.packed),
            ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html")
    return page.render(
        study=study,
        ended=len(study.trials),
        planned=sum(n for n in study.part("budget").values() if isinstance(n, int)),
        live=live(study),
        sections=sections,
        figures={
            picture.key: embed.block(f"{picture.key}-plot-data", _figure(picture)) for picture in pictures
        },
        blocks=blocks,
        plotly=_plotly() if pictures else "",
        style=Markup(_template("report.css")),
        first=Markup(first),
        script=Markup(script),
        policy=_policy(first, script, plotly_js),
        dark=theme.DARK,
        theme=theme,
    )


@functools.cache
def _plotly() -> Markup:
    return embed.gzipped("plotly", get_plotlyjs().encode())


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


def _script() -> str:
    """The page's scripts in one function: the files of templates/scripts in the order of their names."""
    parts = sorted((TEMPLATES / "scripts").glob("*.js"))
    return "\n".join(
        ['(() => {\n"use strict";', *(part.read_text("utf-8").strip() for part in parts), "})();"]
    )


def _policy(*scripts: str) -> str:
    """Content security policy: these scripts by hash, nothing from anywhere else, no connection."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    # Plotly sets styles on elements and in a style sheet of its own, and turns figures into data: images.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _figure(picture: Picture) -> dict[str, Any]:
    """A picture for the page: the first view whole, every view as what it changes in traces and layout."""
    # The standard encoder, whatever else is installed: the bytes must not depend on orjson.
    wide, narrow = (
        [json.loads(plotly.io.to_json(figure, engine="json")) for figure in figures]
        for figures in ([figure for _, figure in picture.views], picture.narrow)
    )
    base = wide[0]

    def view(figure: dict[str, Any]) -> dict[str, Any]:
        traces = [_changes(old, new) for old, new in zip(base["data"], figure["data"], strict=True)]
        return {"data": traces, "layout": _changes(base["layout"], figure["layout"])}

    views = [view(figure) for figure in wide]
    for entry, figure in zip(views, narrow, strict=False):
        entry["narrow"] = view(figure)
    return {"data": base["data"], "layout": base["layout"], "views": views}


def _changes(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: other.get(key) for key in sorted({*base, *other}) if base.get(key) != other.get(key)}


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
        "folder",
        type=Path,
        metavar="FOLDER",
        help="a study folder, or foreign results: a CSV or JSONL table, "
        "a folder of TensorBoard logs or with a mapping.toml",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="default: FOLDER/report.html; of a file, FILE.report.html beside it",
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="write figures (SVG) and their data (CSV) instead of a report",
    )
    parser.add_argument(
        "--width-mm",
        type=float,
        default=WIDTH_MM,
        metavar="MM",
        help="of exported figures; default: %(default)g",
    )
    options = parser.parse_args(arguments)
    try:
        study = load(options.folder)
        for notice in study.notices:
            print(f"note: {notice}", file=sys.stderr)
        if options.export is not None:
            export(study, options.export, options.width_mm)
            print(options.export)
        if options.export is not None and options.output is None:
            return 0
        beside = options.folder.with_suffix(".report.html")
        output = options.output or (beside if options.folder.is_file() else options.folder / "report.html")
        write(render(study), output)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
