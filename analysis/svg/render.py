"""From a plotly figure to one SVG document: ranges, margins, then everything from below to above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis.svg import bars, colors, extras, heatmap, scatter, text
from analysis.svg.axes import Axis
from analysis.svg.figure import Unsupported, plain
from analysis.svg.legend import Legend
from analysis.svg.panels import axes_of, members, panels_of, ranges
from analysis.svg.ruler import Ruler, font_of
from analysis.svg.scene import Panel
from analysis.svg.text import Font
from analysis.svg.values import items
from analysis.svg.xml import attributes, element, escape

__all__ = ["Drawing", "Unsupported", "draw"]


@dataclass(frozen=True)
class Drawing:
    """`markup`: the svg element. `left_out`: marks that were not drawn, see `every` of `draw`."""

    markup: str
    left_out: int


def draw(
    figure: go.Figure,
    width: float,
    height: float,
    /,
    *,
    title: str,
    key: str = "figure",
    tolerance: float = 0.05,
    every: int = 1,
    least: float = 0.0,
    mm: float | None = None,
    **root: object,
) -> Drawing:
    """An svg element of `width` x `height` user units (pixels).

    `title`: what it shows, for readers who do not see it. `key`: prefix of ids, unique in the page. Lines may
    be off by `tolerance` pixels; of the marks of a trace every `every`-th is drawn. `least`: height of the
    plot itself; under a high legend the drawing grows to keep it. `mm`: size of a pixel on paper. `root`:
    attributes of the element. Raises `Unsupported` for what it cannot draw.
    """
    page = _Page(figure, width, height, key, tolerance, every, least)
    inner = page.draw()
    height = page.height
    if mm is not None:
        root = {"width": f"{width * mm:g}mm", "height": f"{height * mm:g}mm"} | root
    font = attributes(font_family=page.family)
    box = f"0 0 {width:g} {height:g}"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg"{attributes(**root)} viewBox="{box}" role="img"'
    head = f"<title>{escape(title)}</title>" if title else ""
    return Drawing(f"{opening}{font}>{head}{inner}</svg>", page.left_out)


class _Page:
    """One drawing in the making."""

    def __init__(
        self,
        figure: go.Figure,
        width: float,
        height: float,
        key: str,
        tolerance: float,
        every: int,
        least: float,
    ) -> None:
        """Reads the figure; pixels come in `arrange`."""
        traces, self.layout = plain(figure)
        self.traces = [trace for trace in traces if trace.get("visible") in (None, True)]
        self.width, self.height, self.key = width, height, key
        self.base = font_of(self.layout)
        self.family = str((self.layout.get("font") or {}).get("family") or "sans-serif")
        self.axes = axes_of(self.traces, self.layout)
        self.legend = Legend(self.traces, self.layout, self.base)
        self.bars = self._color_bars()
        self.pairs = panels_of(self.traces, self.axes)
        self.panels = {
            pair: Panel(self.axes[pair[0]], self.axes[pair[1]], f"{key}-{'-'.join(pair)}", tolerance, every)
            for pair in self.pairs
        }
        self.head = (self.layout.get("title") or {}).get("text") or ""
        self.head_font = Font(17.0, self.base.color).over((self.layout.get("title") or {}).get("font"))
        margin = self.layout.get("margin") or {}
        default = {"l": 80, "r": 80, "t": 100, "b": 80}
        self.margin = {side: float(margin.get(side, default[side])) for side in "lrtb"}
        self.area, self.least = (0.0, 0.0, width, height), least
        self.rulers: dict[str, Ruler] = {}
        self._arrange()

    @property
    def left_out(self) -> int:
        return sum(panel.left_out for panel in self.panels.values())

    def _color_bars(self) -> list[heatmap.ColorBar]:
        found = []
        for trace in self.traces:
            if trace["type"] == "heatmap":
                if trace.get("showscale") is not False:
                    found.append(heatmap.ColorBar(trace, heatmap.cells(trace), "zmin", "zmax", self.base))
                continue
            marker = trace.get("marker") or {}
            if marker.get("showscale"):
                found.append(
                    heatmap.ColorBar(marker, items(marker.get("color")) or [], "cmin", "cmax", self.base)
                )
        return found

    def _arrange(self) -> None:
        """Margins depend on labels, labels on ranges, ranges on the size: three rounds settle it."""
        left, right, top, bottom = (self.margin[side] for side in "lrtb")
        head = text.height(self.head, self.head_font.size) + 12 if self.head else 0.0
        for _ in range(3):
            # Names too long for the drawing are cut at its edge: half of it stays the plot's.
            left, right = min(left, 0.5 * self.width), min(right, 0.3 * self.width)
            self.legend.arrange(max(self.width - left - right, 60.0))
            self.full = self.legend.flat and self.legend.size[1] > 2.5 * self.legend.row
            if self.full:  # many entries: from edge to edge of the drawing
                self.legend.arrange(self.width - 16)
            side = self.legend.side
            above = self.legend.size[1] + self._gap() + 2 if side == "top" else 0.0
            beyond = self.legend.size[0] + 20 if side == "right" else 0.0
            rooms = sum(bar.room for bar in self.bars)
            t = max(top, above + 6 + head) if side == "top" or head else top
            below = self.legend.size[1] + 6 if side == "bottom" else 0.0
            self.height = max(self.height, t + self.least + bottom + below)
            self.area = (left, t, self.width - right - beyond - rooms, self.height - bottom - below)
            if self.area[2] - self.area[0] < 20 or self.area[3] - self.area[1] < 20:
                raise Unsupported(
                    f"a figure of {self.width:g} x {self.height:g}: no room is left for its plot"
                )
            self._measure()
            need = dict.fromkeys("lrtb", 0.0)
            for name, ruler in self.rulers.items():
                if not ruler.axis.given.get("automargin"):
                    continue
                self._need(need, name, ruler)
            left, right = max(self.margin["l"], need["l"] + 4), max(self.margin["r"], need["r"] + 4)
            bottom = max(self.margin["b"], need["b"] + 4)
            top = max(self.margin["t"], need["t"] + 4)

    def _gap(self) -> float:
        """Pixels between the plot and the legend above it."""
        share = float(self.legend.given.get("y", 1.0)) - 1
        return max(4.0, min(share, 0.3) * (self.area[3] - self.area[1]))

    def _need(self, need: dict[str, float], name: str, ruler: Ruler) -> None:
        """How far an axis reaches beyond the plot: on its own side, and to the right by its last label."""
        left, top, right, bottom = self.area
        outer = ruler.at + ruler.sign * ruler.depth
        if name[0] == "y":
            side, far = ("l", left - outer) if ruler.sign < 0 else ("r", outer - right)
        else:
            side, far = ("b", outer - bottom) if ruler.sign > 0 else ("t", top - outer)
        need[side] = max(need[side], far)
        if name[0] == "x":
            need["r"] = max(need["r"], ruler.axis.after + ruler.overhang - right)

    def _measure(self) -> None:
        """Pixels and ranges of all axes, then their rulers."""
        left, top, right, bottom = self.area
        for name, axis in self.axes.items():
            low, high = self._domain(axis)
            if name[0] == "x":
                axis.start, axis.end = left + low * (right - left), left + high * (right - left)
            else:
                axis.start, axis.end = bottom - low * (bottom - top), bottom - high * (bottom - top)
        self.stacks = {
            pair: bars.arranged(members(self.traces, pair, "bar"), panel.x, panel.y, self.layout)
            for pair, panel in self.panels.items()
        }
        ranges(self.axes, self.traces, self.stacks)
        self.rulers = {name: self._ruler(name, axis) for name, axis in self.axes.items()}

    def _domain(self, axis: Axis) -> tuple[float, float]:
        over = axis.given.get("overlaying")
        if over in self.axes and axis.given.get("domain") is None:
            return self._domain(self.axes[str(over)])
        return axis.domain()

    def _ruler(self, name: str, axis: Axis) -> Ruler:
        left, top, right, bottom = self.area
        anchor = axis.given.get("anchor")
        across = (top, bottom) if name[0] == "x" else (left, right)
        other = self.axes.get(str(anchor)) if anchor != "free" else None
        if other is None and anchor != "free":
            near = sorted(pair for pair in self.pairs if name in pair)
            other = self.axes[near[0][1 - near[0].index(name)]] if near else None
        if other is not None:
            across = (other.before, other.after)
        outer = axis.given.get("side") in ("top", "right")
        at = across[1 - outer] if name[0] == "x" else across[int(outer)]
        if anchor == "free":
            share = float(axis.given.get("position") or 0.0)
            at = bottom - share * (bottom - top) if name[0] == "x" else left + share * (right - left)
        return Ruler(axis, across, at, self.base)

    def draw(self) -> str:
        """Everything, from below to above."""
        place = extras.places(self.axes, self.area)
        shapes = self.layout["shapes"]
        low = [extras.shape(item, place) for item in shapes if item.get("layer") == "below"]
        high = [extras.shape(item, place) for item in shapes if item.get("layer") != "below"]
        used = {name for pair in self.pairs for name in pair}
        rulers = [ruler for name, ruler in self.rulers.items() if name in used]
        parts = [self._clips(), self._ground(), *(ruler.below() for ruler in rulers), self._cut(low)]
        for pair, panel in self.panels.items():
            parts += [heatmap.draw(trace, panel) for trace in members(self.traces, pair, "heatmap")]
            parts += [bars.draw(part, panel) for part in self.stacks[pair]]
            panel.left_out, panel.previous = 0, None
            lined = sorted(members(self.traces, pair, "scatter"), key=lambda trace: trace.get("zorder") or 0)
            parts += [scatter.draw(trace, panel) for trace in lined]
        parts += [*(ruler.above() for ruler in rulers), self._cut(high)]
        parts += [extras.annotation(item, place, self.base) for item in self.layout["annotations"]]
        return "".join([*parts, self._legend(), *self._scales(), self._title()])

    def _clips(self) -> str:
        rects = []
        for panel in self.panels.values():
            size = {"width": panel.x.after - panel.x.before, "height": panel.y.after - panel.y.before}
            rect = element("rect", x=panel.x.before, y=panel.y.before, **size)
            rects.append(element("clipPath", rect, id=panel.clip_id))
        left, top, right, bottom = self.area
        rect = element("rect", x=left - 1, y=top - 1, width=right - left + 2, height=bottom - top + 2)
        return element("defs", [*rects, element("clipPath", rect, id=f"{self.key}-all")])

    def _cut(self, parts: Sequence[str]) -> str:
        inner = "".join(parts)
        return element("g", inner, clip_path=f"url(#{self.key}-all)") if inner else ""

    def _ground(self) -> str:
        whole = {"x": 0.0, "y": 0.0, "width": self.width, "height": self.height}
        parts = []
        paint = colors.paint("fill", self.layout.get("paper_bgcolor"))
        if paint["fill"] != "none":
            parts.append(element("rect", **whole, **paint))
        paint = colors.paint("fill", self.layout.get("plot_bgcolor"))
        for panel in self.panels.values() if paint["fill"] != "none" else ():
            size = {"width": panel.x.after - panel.x.before, "height": panel.y.after - panel.y.before}
            parts.append(element("rect", x=panel.x.before, y=panel.y.before, **size, **paint))
        return "".join(parts)

    def _legend(self) -> str:
        left, top, right, bottom = self.area
        wide, high = self.legend.size
        side, given = self.legend.side, self.legend.given
        if side == "top":
            return self.legend.draw(8 if self.full else left, top - high - self._gap())
        if side == "bottom":
            return self.legend.draw(8 if self.full else left, self.height - high - 4)
        if side == "right":
            return self.legend.draw(right + 16 + sum(bar.room for bar in self.bars), top)
        x, y = (float(given.get(key, default)) for key, default in (("x", 1.02), ("y", 1.0)))
        at_x = (
            left
            + x * (right - left)
            - {"center": wide / 2, "right": wide}.get(str(given.get("xanchor")), 0.0)
        )
        at_y = (
            bottom
            - y * (bottom - top)
            - {"middle": high / 2, "bottom": high}.get(str(given.get("yanchor")), 0.0)
        )
        return self.legend.draw(at_x, at_y)

    def _scales(self) -> list[str]:
        _, top, x, bottom = self.area
        found = []
        for i, bar in enumerate(self.bars):
            found.append(bar.draw(x, top, bottom, f"{self.key}-scale{i}"))
            x += bar.room
        return found

    def _title(self) -> str:
        return text.draw(self.head, self.area[0], 10.0, self.head_font, "start", "top") if self.head else ""
