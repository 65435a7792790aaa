"""How numbers and records become words: one place for every format that the report uses."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from analysis.theme import label

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
SIGMA_LR = "\N{GREEK CAPITAL LETTER SIGMA}" + NBSP + "lr"
RATIO = f"D{NBSP}/{NBSP}{SIGMA_LR}"


def finite(value: object) -> TypeGuard[float]:
    """True for a real, finite number (booleans do not count)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object, digits: int = 3) -> str:
    """A plain number with `digits` significant digits and thousands separators; a dash when unknown."""
    if not finite(value):
        return DASH
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", MINUS)
    shown = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return shown.replace("-", MINUS)


def percent(value: object, digits: int = 1) -> str:
    """A fraction in [0, 1] as a percentage: 0.9312 -> '93.1 %'; a dash when unknown."""
    if not finite(value):
        return DASH
    return f"{100 * value:.{digits}f}{NBSP}%".replace("-", MINUS)


def estimate(value: float, low: float, high: float) -> str:
    """A fraction with its interval as percentages: '94.1 [90.6, 96.3] %'; without the interval if unknown."""
    if not (finite(low) and finite(high)):
        return percent(value)
    return f"{100 * value:.1f} [{100 * low:.1f},{NBSP}{100 * high:.1f}]{NBSP}%"


def points(difference: object, digits: int = 1) -> str:
    """A difference of two fractions in percentage points, with its sign; a dash when unknown."""
    if not finite(difference):
        return DASH
    rounded = round(100 * difference, digits)
    return f"{rounded + 0.0:+.{digits}f}".replace("-", MINUS)


def seconds(value: object) -> str:
    """A duration given in seconds, in the unit that reads best."""
    if not finite(value):
        return DASH
    if value < 120:
        return f"{value:.1f}{NBSP}s"
    return f"{value / 60:.1f}{NBSP}min" if value < 7200 else f"{value / 3600:.1f}{NBSP}h"


def by_unit(value: object, unit: str | None) -> str:
    """`value` in the way its unit is read: fractions as percentages, seconds as durations, else a number."""
    if unit == "fraction":
        return percent(value)
    return seconds(value) if unit in ("s", "seconds") else number(value)


def count(n: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: '1 trial', '24 trials'."""
    return f"{n:,}{NBSP}{noun if n == 1 else plural or noun + 's'}"


def listing(words: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def short(value: object, limit: int = 80) -> str:
    """Any value on one line of at most `limit` characters."""
    shown = number(value) if isinstance(value, float) else " ".join(str(value).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def plotly_text(value: object) -> str:
    """`value` for a plotly text, label or hover, where a subset of HTML is live: markup becomes text."""
    return html.escape(str(value), quote=False)


def outline(value: Any, indent: int = 0) -> str:
    """A nested record as indented text, in its own order: 'key: value' lines, '- value' for lists."""
    pad = "  " * indent
    if isinstance(value, Mapping):
        items = [(f"{pad}{key}:", item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{pad}-", item) for item in value]
    else:
        return f"{pad}{'null' if value is None else value}"
    lines = []
    for head, item in items:
        nested = isinstance(item, Mapping | list) and len(item) > 0
        flat = isinstance(item, list) and not any(isinstance(part, Mapping | list) for part in item)
        if nested and not flat:
            lines += [head, outline(item, indent + 1)]
        elif flat:
            lines.append(f"{head} [{', '.join(str(part) for part in item)}]")
        else:
            lines.append(f"{head} {'null' if item is None else item}")
    return "\n".join(lines)


def ratio_name(row: Mapping[Any, Any]) -> str:
    """A trial's arm in a few characters: its reference name or schedule, and D / sum(lr) where it has one."""
    name = short(label(row["name"] or row["scheduler"]), 30)
    return f"{name} {number(row['threshold_ratio'], 2)}" if finite(row["threshold_ratio"]) else name
