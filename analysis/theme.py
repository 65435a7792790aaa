"""One look for everything: colours for light and dark, one colour and marker shape per schedule, one layout.

The schedule colours are the palette of Okabe and Ito (2008), darkened where they vanish on white. A figure
is drawn in the light colours; the page exchanges them for their dark twins (`DARK`) when the reader's system
is dark.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import plotly.graph_objects as go

INK, SOFT, FAINT, GRID, PAPER = "#1d2429", "#5c6770", "#a3adb5", "#e4e8eb", "#fefefe"
AREA = "rgba(0, 114, 178, 0.07)"
BLUE, GREEN, ORANGE, RED = "#0072b2", "#009e73", "#d18a00", "#d55e00"
PURPLE, SKY, OLIVE, WINE = "#bf6398", "#3f9fd8", "#857400", "#7d3c5d"
DARK = {
    INK: "#e6eaed", SOFT: "#9fabb4", FAINT: "#66727c", GRID: "#2c343b", PAPER: "#171b1f",
    AREA: "rgba(86, 180, 233, 0.10)",
    BLUE: "#3f9fe0", GREEN: "#1fbf92", ORANGE: "#f0b040", RED: "#f2783a",
    PURPLE: "#dd8fbc", SKY: "#8ccdf5", OLIVE: "#e3d64f", WINE: "#b9769a",
}  # fmt: skip
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Style:
    """How one schedule is shown: its readable name, colour, plotly marker symbol and line dash."""

    label: str
    color: str
    symbol: str
    dash: str = "solid"


_KNOWN = {
    "dense": Style("dense", INK, "square", "dot"),
    "linear": Style("linear", RED, "triangle-up", "8px,4px"),
    "sine": Style("sine", ORANGE, "square", "10px,3px,2px,3px"),
    "slats": Style("S-LATS", GREEN, "diamond", "14px,3px"),
    "cubic": Style("cubic", SKY, "pentagon", "dot"),
    "cosine": Style("cosine", PURPLE, "triangle-down", "dashdot"),
    "exponential": Style("exponential", OLIVE, "hexagon", "dash"),
    "kumaraswamy": Style("Kumaraswamy", BLUE, "circle"),
    "free": Style("free", WINE, "star-square", "longdashdot"),
}
# Colour and shape move independently, so that names beyond the palette still differ in one of them.
_SPARE = [
    Style("", color, symbol, dash)
    for symbol, dash in (
        ("star-triangle-down", "dash"),
        ("cross", "dot"),
        ("bowtie", "dashdot"),
        ("star", "solid"),
    )
    for color in (WINE, OLIVE, PURPLE, SKY)
]


def _key(name: str) -> str:
    """Spellings of one name meet here: 'S-LATS', 's_lats' and 'slats' are the same schedule."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def label(name: str) -> str:
    """The readable name of a schedule; an unknown one is its own."""
    known = _KNOWN.get(_key(name))
    return name if known is None else known.label


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for every schedule name.

    Known names have fixed ones. Any other name starts at a slot given by its own checksum and takes the next
    free one, in alphabetical order: the same set of names gives the same styles in every figure and report.
    """
    found: dict[str, Style] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        known = _KNOWN.get(_key(name))
        if known is not None:
            found[name] = known
            continue
        first = zlib.crc32(name.encode()) % len(_SPARE)
        slots = [(first + step) % len(_SPARE) for step in range(len(_SPARE))]
        slot = next((slot for slot in slots if slot not in taken), first)
        taken.add(slot)
        spare = _SPARE[slot]
        found[name] = Style(name, spare.color, spare.symbol, spare.dash)
    return found


# Studies side by side: colour, marker and dash all differ, so that any one of them is enough.
_RIVALS = [
    Style("", BLUE, "circle"),
    Style("", RED, "diamond", "8px,4px"),
    Style("", GREEN, "square", "14px,3px"),
    Style("", PURPLE, "triangle-up", "10px,3px,2px,3px"),
    Style("", ORANGE, "cross", "dot"),
    Style("", WINE, "star", "dashdot"),
    Style("", SKY, "hexagon", "dash"),
    Style("", OLIVE, "bowtie", "longdashdot"),
]
MOST_RIVALS = len(_RIVALS)


def rivals(names: Iterable[str]) -> dict[str, Style]:
    """A style for every study that is laid beside others, in their order; at most `MOST_RIVALS`."""
    return {
        name: Style(name, style.color, style.symbol, style.dash)
        for name, style in zip(names, _RIVALS, strict=False)
    }


def _axis() -> dict[str, object]:
    return {
        "gridcolor": GRID, "linecolor": FAINT, "tickcolor": FAINT, "zeroline": False, "showline": False,
        "tickfont": {"color": SOFT, "size": 12},
        "title": {"font": {"color": INK, "size": 13}, "standoff": 10},
        "automargin": True,
    }  # fmt: skip


def template() -> go.layout.Template:
    """The plotly layout that every figure starts from: transparent, quiet, legend below the axes."""
    clear = "rgba(0,0,0,0)"
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": clear,
            "plot_bgcolor": clear,
            "margin": {"l": 56, "r": 20, "t": 16, "b": 48},
            "xaxis": _axis(),
            "yaxis": _axis(),
            "hovermode": "closest",
            "hoverlabel": {
                "bgcolor": PAPER, "bordercolor": FAINT, "align": "left", "font": {"color": INK, "size": 12},
            },
            "legend": {
                "orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom",
                "font": {"color": INK, "size": 12}, "bgcolor": clear, "itemsizing": "trace", "itemwidth": 30,
            },
            "modebar": {"bgcolor": clear, "color": FAINT, "activecolor": INK},
        }
    )  # fmt: skip
