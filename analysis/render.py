"""From sections to the page: one HTML file with its scripts, data and content security policy inside."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis import embed, theme
from analysis.comparison import compare
from analysis.page import curve_block, facts, live
from analysis.results import Study
from analysis.sections import SECTIONS
from analysis.sections.base import Material, Picture, Section

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Report:
    """What there is to show of a study, or of several beside each other; `ended`: trials behind it."""

    material: Material
    sections: Sequence[Section]
    ended: int


def report(study: Study) -> Report:
    """All sections of one study."""
    material = Material.of(study)
    return Report(material, [make(material) for make in SECTIONS], len(study.trials))


def comparison(folders: Sequence[Path], studies: Sequence[Study]) -> Report:
    """Several studies beside each other, the first being what the others are held against.

    Raises `StudyError` where they must not be compared.
    """
    head, sections = compare(folders, studies)
    return Report(Material.of(head), sections, sum(len(study.trials) for study in studies))


def render(study: Study) -> str:
    """The report's HTML. A function of the study alone: the same study gives the same characters."""
    return page(report(study))


def render_comparison(folders: Sequence[Path], studies: Sequence[Study]) -> str:
    """The comparison's HTML."""
    return page(comparison(folders, studies))


def page(whole: Report) -> str:
    """One HTML file."""
    material, sections = whole.material, whole.sections
    study = material.study
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
    template = environment.get_template("report.html")
    return template.render(
        study=study,
        ended=whole.ended,
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
