"""Helpers for tests of SVG: what a drawing consists of, and every picture of a study."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import plotly.graph_objects as go

from analysis.results import load
from analysis.sections import SECTIONS
from analysis.sections.base import Material, Picture

NAMESPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {
    "svg", "title", "defs", "clipPath", "linearGradient", "stop", "g", "path", "rect", "circle", "ellipse",
    "text", "tspan",
}  # fmt: skip
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def pictures(folder: Path) -> list[Picture]:
    """All pictures of a study's report."""
    material = Material.of(load(folder))
    return [picture for make in SECTIONS for picture in make(material).pictures]


def figures(folder: Path) -> Iterator[tuple[str, go.Figure, int]]:
    """(name, figure, height) of every view, narrow ones too."""
    for picture in pictures(folder):
        for label, figure in picture.views:
            yield f"{picture.key} {label}", figure, picture.height
        for i, figure in enumerate(picture.narrow):
            yield f"{picture.key} narrow {i}", figure, picture.height


def parsed(markup: str) -> ET.Element:
    """The root of a drawing that keeps the rules: known elements, no script, finite numbers, ids resolved."""
    root = ET.fromstring(markup)
    ids = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    for node in root.iter():
        assert node.tag.removeprefix(NAMESPACE) in ELEMENTS
        for key, value in node.attrib.items():
            assert not key.lower().startswith("on")
            assert "href" not in key
            assert not re.search(r"nan|inf|None", value) or key == "font-family", (key, value)
            for name in re.findall(r"url\(#([^)]+)\)", value):
                assert name in ids
    return root


def words(root: ET.Element) -> list[str]:
    """The text elements, each as one string."""
    return ["".join(node.itertext()) for node in root.iter(f"{NAMESPACE}text")]


def named(root: ET.Element, name: str) -> list[dict[str, str]]:
    """Attributes of all elements of a name."""
    return [dict(node.attrib) for node in root.iter(f"{NAMESPACE}{name}")]


def area(root: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the first panel, from its clip path."""
    rect = next(node for node in root.iter(f"{NAMESPACE}clipPath")).find(f"{NAMESPACE}rect")
    assert rect is not None
    x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height
