"""A plotly figure as plain values: template merged in, arrays unpacked, everything unknown refused.

What is not drawn must not vanish in silence: a key that is neither drawn nor known to be without a trace on
paper (hover, selection, ...) raises `Unsupported`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis.svg import known


class Unsupported(ValueError):  # noqa: N818 - it says what is not supported
    """A figure asks for something that this renderer cannot draw; the message names it."""


def plain(figure: go.Figure) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Traces and layout with the template's defaults merged in. Raises `Unsupported`."""
    given = unpacked(figure.to_dict())
    layout = given.get("layout", {})
    template = layout.pop("template", {})
    base = template.get("layout", {})
    axes = {name for name in layout if re.fullmatch(r"[xy]axis\d*", name)}
    merged = merge({key: value for key, value in base.items() if key not in ("xaxis", "yaxis")}, layout)
    traces = []
    for trace in given.get("data", []):
        kind = trace.setdefault("type", "scatter")
        defaults = template.get("data", {}).get(kind) or [{}]
        traces.append(merge(defaults[0], trace))
        axes |= {f"{letter}axis" + trace.get(f"{letter}axis", letter)[1:] for letter in "xy"}
    for name in sorted({*axes, "xaxis", "yaxis"}):
        merged[name] = merge(base.get(name[:5], {}), layout.get(name, {}))
    for key in ("annotations", "shapes"):
        default = merged.pop(f"{key[:-1]}defaults", {})
        merged[key] = [merge(default, item) for item in merged.get(key) or []]
    _check(traces, merged)
    return traces, merged


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, nested mappings merged; None counts as not given."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merge(below if isinstance(below, Mapping) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def unpacked(value: Any) -> Any:
    """Nested values with plotly's packed arrays (`bdata`) as numpy arrays."""
    if isinstance(value, Mapping):
        if "bdata" in value and "dtype" in value:
            array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]))
            shape = value.get("shape")
            return array.reshape([int(n) for n in str(shape).split(",")]) if shape else array
        return {key: unpacked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [unpacked(item) for item in value]
    return value


def _check(traces: list[dict[str, Any]], layout: dict[str, Any]) -> None:
    problems = []
    for i, trace in enumerate(traces):
        kind = trace["type"]
        if kind not in known.TRACES:
            problems.append(f"trace {i}: type {kind!r}")
            continue
        problems += [f"trace {i}: {path}" for path in unknown(trace, known.TRACES[kind])]
    problems += [f"layout: {path}" for path in unknown(layout, known.LAYOUT)]
    if problems:
        raise Unsupported("; ".join(problems))


def unknown(value: Mapping[str, Any], allowed: Mapping[str, Any], head: str = "") -> list[str]:
    """Paths of `value` that `allowed` does not hold; see `known` for what its entries mean."""
    found = []
    for key, item in value.items():
        rule = allowed.get(key)
        if rule is None and re.fullmatch(r"[xy]axis\d+", key):
            rule = allowed.get(key[:5])
        if rule is None:
            found.append(f"{head}{key}")
        elif isinstance(rule, Mapping):
            inner = item if isinstance(item, list) else [item]
            for part in inner:
                if isinstance(part, Mapping):
                    found += unknown(part, rule, f"{head}{key}.")
        elif isinstance(rule, tuple):
            values = item if isinstance(item, list | np.ndarray) else [item]
            found += [f"{head}{key}={part!r}" for part in values if part not in rule]
    return list(dict.fromkeys(found))
