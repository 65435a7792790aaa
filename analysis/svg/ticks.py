"""Where ticks stand and what they say."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from analysis.svg.figure import Unsupported

MINUS = "\N{MINUS SIGN}"
_FORMAT = re.compile(r"(?P<sign>\+?)(?P<comma>,?)(?:\.(?P<digits>\d+))?(?P<trim>~?)(?P<kind>[fegd%s]?)")


def step(span: float, most: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that cuts `span` into at most `most` pieces."""
    if not span > 0 or most < 1:
        return 1.0
    rough = span / most
    base = 10.0 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5):
        if factor * base >= rough * (1 - 1e-9):
            return factor * base
    return 10 * base


def linear(
    low: float, high: float, most: float, dtick: float | None = None, tick0: float = 0.0
) -> list[float]:
    """Multiples of a round step between two ends, in either order, from the lower one up."""
    low, high = min(low, high), max(low, high)
    size = dtick or step(high - low, most)
    slack = 1e-9 * max(high - low, size)
    first = math.ceil((low - tick0 - slack) / size)
    last = math.floor((high - tick0 + slack) / size)
    if last - first > 1000:
        raise Unsupported(f"a step of {size:g} between {low:g} and {high:g}: over 1,000 ticks")
    values = [tick0 + i * size for i in range(first, last + 1)]
    return [0.0 if abs(value) < 1e-9 * size else value for value in values]


def log(low: float, high: float, most: int) -> list[float]:
    """Values between 10^low and 10^high: as many of 1 to 9, or 1, 2, 5, or powers of ten as fit."""
    low, high = min(low, high), max(low, high)
    first, last = max(math.floor(low), -307), min(math.ceil(high), 307)  # what a float holds in full
    for bases in (range(1, 10), (1, 2, 5), (1, 3), (1,)):
        found = [base * 10.0**power for power in range(first, last + 1) for base in bases]
        found = [value for value in found if low - 1e-9 <= math.log10(value) <= high + 1e-9]
        if 2 <= len(found) <= most:
            return found
    powers = range(first, last + 1, max(1, math.ceil((high - low) / max(most, 1))))
    found = [10.0**power for power in powers if low - 1e-9 <= power <= high + 1e-9]
    if len(found) >= 2:
        return found
    return [value for value in linear(10.0**low, 10.0**high, most) if value > 0]


def labels(values: Sequence[float], separate: bool = False) -> list[str]:
    """Numbers as an axis shows them: the same decimals along it, 'k', 'M', 'G' from ten thousand on."""
    known = [abs(value) for value in values if value]
    if not known:
        return ["0" if value == 0 else shown(value) for value in values]
    top = max(known)
    if separate and top >= 1000:
        return [f"{value:,.0f}".replace("-", MINUS) for value in values]
    if top >= 1e4:
        power, letter = next((p, s) for p, s in ((9, "G"), (6, "M"), (3, "k")) if top >= 10.0**p or p == 3)
        if top < 1e13:
            return [shown(value / 10.0**power) + (letter if value else "") for value in values]
    gaps = [abs(b - a) for a, b in itertools.pairwise(values) if b != a]
    if min([*known, *gaps]) < 1e-4 or top >= 1e13:
        return [shown(value) for value in values]
    digits = next(
        (n for n in range(5) if all(abs(round(v, n) - v) < 1e-9 * max(1.0, top) for v in values)), None
    )
    if digits is None:
        return [shown(value) for value in values]
    return [f"{value:.{digits if value else 0}f}".replace("-", MINUS) for value in values]


def shown(value: float) -> str:
    """One number in at most six significant digits; far from one, with a power of ten."""
    text = f"{value:.6g}"
    if "e" in text:
        head, _, power = text.partition("e")
        text = f"{head}\N{MULTIPLICATION SIGN}10<sup>{int(power)}</sup>"
    return text.replace("-", MINUS)


def formatted(value: float, spec: str) -> str:
    """A number in the part of d3's formats that figures here use: '.1f', ',d', '.0%', '+.2f', '~s', '~g'."""
    found = _FORMAT.fullmatch(spec)
    if found is None:
        raise Unsupported(f"tickformat {spec!r}")
    digits, kind = found["digits"], found["kind"]
    if kind == "s":
        suffix = ""
        for power, letter in ((9, "G"), (6, "M"), (3, "k")):
            if abs(value) >= 10.0**power:
                value, suffix = value / 10.0**power, letter
                break
        text = f"{value:{found['sign']}.{digits or 6}g}" + suffix
    elif kind == "d":
        text = f"{round(value):{found['sign']}{found['comma']}d}"
    else:
        places = f".{digits}" if digits is not None else ".6" if kind in ("", "g") else ""
        text = f"{value:{found['sign']}{found['comma']}{places}{kind or 'g'}}"
        if found["trim"] and "." in text:
            text = re.sub(r"\.?0+(?=%?$)", "", text)
    return text.replace("-", MINUS)
