"""Text: how wide it is without asking a font, and plotly's few tags as tspans."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from analysis.svg import colors
from analysis.svg.xml import element, escape

# Advance widths of Helvetica in thousandths of the size, from space to tilde (Adobe's font metrics), and a
# factor for the system fonts that are wider. Text is measured to keep room, so too wide is the safe side.
_WIDTHS = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, *[556] * 10, 278, 278,
    584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667,
    778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556,
    278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,
    500, 334, 260, 334, 584,
]  # fmt: skip
_WIDER, _OTHER, _SPACE = 1.15, 0.6, 0.278
LINE = 1.3  # height of a line in sizes
_TAG = re.compile(r"</?(?:b|i|em|strong|sub|sup|span|a)(?:\s[^<>]*)?>|<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True)
class Font:
    """Size in pixels, colour, weight."""

    size: float = 13.0
    color: str = "#000000"
    bold: bool = False

    def over(self, given: Any) -> Font:
        """This font with what a plotly font changes."""
        if not isinstance(given, dict):
            return self
        weight = given.get("weight")
        bold = self.bold if weight is None else weight in ("bold", 600, 700)
        return Font(float(given.get("size") or self.size), str(given.get("color") or self.color), bold)


def lines(text: Any) -> list[list[tuple[str, frozenset[str]]]]:
    """Plotly's HTML subset as lines of (plain text, tags around it); any other markup stays text."""
    result: list[list[tuple[str, frozenset[str]]]] = [[]]
    open_tags: list[str] = []
    given = str(text).replace("\n", " ")
    at = 0
    for found in [*_TAG.finditer(given), None]:
        piece = given[at : found.start() if found else len(given)]
        if piece:
            result[-1].append((html.unescape(piece), frozenset(open_tags)))
        if found is None:
            break
        at = found.end()
        name = re.sub(r"[</>]", " ", found[0]).split()[0].lower()
        if name == "br":
            result.append([])
        elif found[0].startswith("</"):
            if name in open_tags:
                open_tags.remove(name)
        else:
            open_tags.append(name)
    return result


def width(text: Any, size: float) -> float:
    """About how many pixels the widest line takes."""
    return max(sum(_measure(piece, tags) for piece, tags in line) for line in lines(text)) * size


def _measure(piece: str, tags: frozenset[str]) -> float:
    total = 0.0
    for letter in piece:
        at = ord(letter) - 32
        if 0 <= at < len(_WIDTHS):
            total += _WIDER * _WIDTHS[at] / 1000
        else:
            total += _SPACE if letter.isspace() else _OTHER if at < 0x2E60 else 1.0
    total *= 1.07 if tags & {"b", "strong"} else 1.0
    return total * (0.7 if tags & {"sub", "sup"} else 1.0)


def wrapped(text: str, size: float, length: float) -> str:
    """`text` on two lines, cut at the space nearest to its middle, where it is wider than `length`."""
    if width(text, size) <= length or "<" in text or " " not in text.strip():
        return text
    gaps = [i for i, letter in enumerate(text) if letter == " "]
    cut = min(gaps, key=lambda i: (abs(i - len(text) / 2), i))
    return f"{text[:cut]}<br>{text[cut + 1 :]}"


def height(text: Any, size: float) -> float:
    """Height of all lines in pixels."""
    return len(lines(text)) * LINE * size


def draw(
    text: Any,
    x: float,
    y: float,
    font: Font,
    anchor: str = "start",
    middle: str = "middle",
    angle: float = 0.0,
    opacity: float = 1.0,
) -> str:
    """Text at (x, y). `anchor`: start, middle or end; `middle`: which of top, middle and bottom is at y."""
    parts = lines(text)
    if not any(piece.strip() for line in parts for piece, _ in line):
        return ""
    up = {"top": 0.0, "middle": 0.5, "bottom": 1.0}[middle] * (len(parts) - 1) * LINE * font.size
    # Capital letters are about 0.72 of the size high: the base line that puts them where `middle` says.
    first = y - up + {"top": 1.0, "middle": 0.36, "bottom": -0.3}[middle] * font.size
    inner = []
    for i, line in enumerate(parts):
        spans = _line(line, font.size)
        inner.append(
            spans if len(parts) == 1 else element("tspan", spans, x=x, y=first + i * LINE * font.size)
        )
    turn = f"rotate({angle:g} {x:.1f} {y:.1f})" if angle else None
    return element(
        "text", inner, x=x, y=float(first), font_size=float(font.size),
        text_anchor=None if anchor == "start" else anchor, font_weight="bold" if font.bold else None,
        transform=turn, **colors.paint("fill", font.color, opacity),
    )  # fmt: skip


def _line(parts: list[tuple[str, frozenset[str]]], size: float) -> str:
    """One line. Raised and lowered text moves by dy and back: baseline-shift is not read everywhere."""
    inner, at = [], 0.0
    for piece, tags in parts:
        wanted = -0.35 * size if "sup" in tags else 0.2 * size if "sub" in tags else 0.0
        style: dict[str, object] = {
            "dy": wanted - at if wanted != at else None,
            "font_size": 0.7 * size if tags & {"sub", "sup"} else None,
            "font_weight": "bold" if tags & {"b", "strong"} else None,
            "font_style": "italic" if tags & {"i", "em"} else None,
        }
        at = wanted
        shown = escape(piece.replace("\t", " "))
        plain = all(value is None for value in style.values())
        inner.append(shown if plain else element("tspan", shown, **style))
    return "".join(inner)
