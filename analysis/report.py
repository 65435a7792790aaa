"""`python -m analysis.report FOLDER ...`: a study, or several compared, as one HTML file for offline."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis import embed, theme
from analysis.comparison import compare
from analysis.page import curve_block, facts, live
from analysis.records import StudyError
from analysis.results import Study, load
from analysis.sections import SECTIONS
from analysis.sections.base import Material, Picture, Section

COMPARISON = "comparison.html"
TEMPLATES = Path(__file__).with_name("templates")


def render(study: Study) -> str:
    """The report's HTML. A function of the study alone: the same study gives the same characters."""
    material = Material.of(study)
    return _page(material, [make(material) for make in SECTIONS], len(study.trials))


def render_comparison(folders: Sequence[Path], studies: Sequence[Study]) -> str:
    """Several studies beside each other, the first being what the others are held against.

    Raises `StudyError` where they must not be compared.
    """
    head, sections = compare(folders, studies)
    return _page(Material.of(head), sections, sum(len(study.trials) for study in studies))


def _page(material: Material, sections: Sequence[Section], ended: int) -> str:
    """The page of a study, or of the head that stands for several; `ended`: trials behind it."""
    study = material.study
    plotly_js = get_plotlyjs()
    first, script = _template("first.js"), _script()
    pictures = [picture for section in sections for picture in section.pictures]
    blocks = [embed.block("facts", facts(study, material.outcome, material.styles))]
    blocks.append(embed.block("palette", theme.DARK))
    blocks += [curve_block(section.curves) for section in sections if section.curves is not None]
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
        ended=ended,
        planned=sum(n for n in study.part("budget").values() if isinstance(n, int)),
        live=live(study),
        sections=sections,
        figures={
            picture.key: embed.block(f"{picture.key}-plot-data", _figure(picture)) for picture in pictures
        },
        blocks=blocks,
        plotly=embed.gzipped("plotly", plotly_js.encode()) if pictures else "",
        style=Markup(_template("report.css")),
        first=Markup(first),
        script=Markup(script),
        policy=_policy(first, script, plotly_js),
        dark=theme.DARK,
        theme=theme,
    )


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
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None
        near = next(parent for parent in output.absolute().parents if parent.is_dir())
        hint = near / (output.name if not output.is_dir() else "report.html")
        hint = output / "report.html" if output.is_dir() else hint
        reason = error.strerror or str(error)
        raise StudyError(
            f"Cannot write the report to {output}: {reason}. --output {hint} would do."
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line. Returns the exit status: 0, or 2 after one message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m analysis.report", description=__doc__)
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="FOLDER",
        help="a study folder: it holds study.json. Of several the first is compared with each of the others",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help=f"default: FOLDER/report.html, of several studies {COMPARISON} in the current folder",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        studies = [load(folder) for folder in options.folders]
        several = len(studies) > 1
        for folder, study in zip(options.folders, studies, strict=True):
            for notice in study.notices:
                print(f"note: {folder}: {notice}" if several else f"note: {notice}", file=sys.stderr)
        if several:
            output = options.output or Path(COMPARISON)
            write(render_comparison(options.folders, studies), output)
        else:
            output = options.output or options.folders[0] / "report.html"
            write(render(studies[0]), output)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
