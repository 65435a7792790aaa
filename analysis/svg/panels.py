"""Which axes a figure has, what they hold, and what they reach from and to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.svg import bars, heatmap, scatter
from analysis.svg.axes import Axis, Floats, category, chosen_kind, floats, padded
from analysis.svg.figure import Unsupported
from analysis.svg.values import coordinates

Trace = Mapping[str, Any]
Pair = tuple[str, str]


def pair_of(trace: Trace) -> Pair:
    """The names of the two axes of a trace."""
    return str(trace.get("xaxis") or "x"), str(trace.get("yaxis") or "y")


def members(traces: Sequence[Trace], pair: Pair, kind: str) -> list[Trace]:
    """The traces of one type in one panel, in their order."""
    return [trace for trace in traces if trace["type"] == kind and pair_of(trace) == pair]


def panels_of(traces: Sequence[Trace], axes: Mapping[str, Axis]) -> list[Pair]:
    """Pairs of axes that hold traces, in the order of their numbers; overlaid ones come last."""
    found = {pair_of(trace) for trace in traces} or {("x", "y")}

    def order(pair: Pair) -> tuple[int, int, int]:
        over = any(axes[name].given.get("overlaying") for name in pair)
        return int(over), int(pair[0][1:] or 1), int(pair[1][1:] or 1)

    return sorted(found, key=order)


def _data(traces: Sequence[Trace], names: set[str]) -> list[tuple[Trace, Any]]:
    """(trace, coordinates) of what stands on axes with these names."""
    found: list[tuple[Trace, Any]] = []
    for trace in traces:
        for letter, name in zip("xy", pair_of(trace), strict=True):
            if name in names:
                if trace["type"] == "heatmap":
                    given = trace.get(letter)
                    found.append((trace, [] if given is None else given))
                else:
                    found.append((trace, coordinates(trace)["xy".index(letter)]))
    return found


def axes_of(traces: Sequence[Trace], layout: Mapping[str, Any]) -> dict[str, Axis]:
    """All axes with their type and categories; axes that match each other share both."""
    names = [key.replace("axis", "") for key in layout if re.fullmatch(r"[xy]axis\d*", key)]
    names.sort(key=lambda name: (name[0], int(name[1:] or 1)))
    axes = {name: Axis(name, layout[f"{name[0]}axis{name[1:]}"]) for name in names}
    for group in matched(axes):
        data = _data(traces, set(group))
        values = [value for _, column in data for value in _plain(column)]
        given = axes[group[0]].given
        kinds = {axes[name].given.get("type") for name in group} - {None, "-"}
        if len(kinds) > 1:
            raise Unsupported(f"axes {', '.join(group)} match but have different types")
        kind = str(kinds.pop()) if kinds else chosen_kind(given, values)
        for name in group:
            axes[name].kind = kind
            if kind == "category":
                axes[name].categories = categories(given, values)
    for trace in traces:
        # No grid where bars stand or cells lie, unless it is asked for.
        lying = trace.get("orientation") == "h"
        for side, name in enumerate(pair_of(trace)):
            if trace["type"] == "heatmap" or (trace["type"] == "bar" and side == lying):
                axes[name].grid = False
    return axes


def _plain(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def matched(axes: Mapping[str, Axis]) -> list[list[str]]:
    """Groups of axes that keep the same range; an axis on its own is a group."""
    roots = {name: name for name in axes}

    def root(name: str) -> str:
        return name if roots[name] == name else root(roots[name])

    for name, axis in axes.items():
        other = axis.given.get("matches")
        if other in axes:
            roots[root(name)] = root(str(other))
    groups: dict[str, list[str]] = {}
    for name in axes:
        groups.setdefault(root(name), []).append(name)
    return list(groups.values())


def categories(given: Mapping[str, Any], values: Sequence[Any]) -> list[str]:
    """Names in the order of their first appearance, or as the axis asks."""
    seen = list(dict.fromkeys(category(value) for value in values if value is not None))
    order = given.get("categoryorder") or ("array" if given.get("categoryarray") is not None else "trace")
    if order == "array":
        first = [category(value) for value in given.get("categoryarray", [])]
        return [*dict.fromkeys(first), *(name for name in seen if name not in first)]
    if order.startswith("category"):
        return sorted(seen, reverse=order.endswith("descending"))
    return seen


def ranges(
    axes: Mapping[str, Axis], traces: Sequence[Trace], stacks: Mapping[Pair, Sequence[bars.Bars]]
) -> None:
    """Sets `low` and `high` of every axis: as given, else around the data of all axes that match."""
    for group in matched(axes):
        given = next(
            (axes[name].given for name in group if axes[name].given.get("range")), axes[group[0]].given
        )
        ends = list(given.get("range") or (None, None))
        automatic = given.get("autorange")
        if None in ends or (automatic and automatic is not False):
            low, high = _automatic([axes[name] for name in group], traces, stacks)
            if automatic in ("reversed", "max reversed", "min reversed"):
                low, high = high, low
            ends = [low if ends[0] is None else ends[0], high if ends[1] is None else ends[1]]
        low, high = (float(end) for end in floats(ends))
        if not np.isfinite([low, high]).all() or low == high:
            raise Unsupported(f"axis {group[0]} from {ends[0]!r} to {ends[1]!r}")
        for name in group:
            axes[name].low, axes[name].high = low, high


def _automatic(
    group: Sequence[Axis], traces: Sequence[Trace], stacks: Mapping[Pair, Sequence[bars.Bars]]
) -> tuple[float, float]:
    spans: list[tuple[Floats, float, float]] = []
    for axis in group:
        side = 0 if axis.horizontal else 1
        for trace in traces:
            if pair_of(trace)[side] != axis.name:
                continue
            if trace["type"] == "scatter":
                spans += scatter.spans(trace, axis)
            elif trace["type"] == "heatmap":
                spans.append((heatmap.edges(trace, axis), 0.0, 0.0))
        for pair, parts in stacks.items():
            if pair[side] == axis.name:
                spans += [span for part in parts for span in part.spans(axis)]
    first = group[0]
    if first.kind == "category":
        count = len(first.categories)
        low, high = -0.5, max(count, 1) - 0.5
        marked = [values for values, share, _ in spans if share]
        if marked and not any(stacks.get(pair) for pair in stacks):
            # Points on categories: plotly leaves its share of room instead of half a category.
            low, high = padded(spans, abs(first.end - first.start), "normal", False)
        return low, high
    mode = str(first.given.get("rangemode") or "normal")
    return padded(spans, abs(first.end - first.start), mode, first.kind == "log")
