"""Colours as SVG 1.1 wants them (`#rrggbb` and an opacity apart), and colour scales."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.svg.figure import Unsupported

_NAMES = {"black": "#000000", "white": "#ffffff", "grey": "#808080", "gray": "#808080", "red": "#ff0000"}
_FUNCTION = re.compile(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*(?:,\s*([\d.]+)\s*)?\)")


def parse(color: Any) -> tuple[str, float]:
    """A CSS colour as ('#rrggbb', opacity). Raises `Unsupported` for a spelling that is not read here."""
    given = str(color).strip().lower()
    given = _NAMES.get(given, given)
    if given in ("transparent", "none"):
        return "#000000", 0.0
    if re.fullmatch(r"#[0-9a-f]{3}", given):
        given = "#" + "".join(2 * digit for digit in given[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", given):
        return given, 1.0
    if re.fullmatch(r"#[0-9a-f]{8}", given):
        return given[:7], int(given[7:], 16) / 255
    found = _FUNCTION.fullmatch(given)
    if found is None:
        raise Unsupported(f"colour {color!r}")
    red, green, blue = (min(255, round(float(part))) for part in found.groups()[:3])
    return f"#{red:02x}{green:02x}{blue:02x}", float(found[4]) if found[4] else 1.0


def paint(kind: str, color: Any, opacity: float = 1.0) -> dict[str, object]:
    """Attributes of a fill or stroke (`kind`); 'none' where it cannot be seen."""
    if color is None:
        return {kind: "none"}
    code, alpha = parse(color)
    alpha *= opacity
    if alpha <= 0:
        return {kind: "none"}
    painted: dict[str, object] = {kind: code}
    return painted | ({f"{kind}_opacity": f"{alpha:.3g}"} if alpha < 1 else {})


def contrast(ground: str) -> str:
    """Black or white, whichever is read better on an '#rrggbb' (perceived luminance, ITU-R BT.601)."""
    red, green, blue = (int(ground[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else "#1d2429"


def scale(stops: Sequence[Sequence[Any]], shares: Any) -> list[str | None]:
    """Colours at `shares` [0, 1] (cut to it) of a scale of (share, colour) stops; None for NaN."""
    at = np.array([float(stop[0]) for stop in stops])
    codes = [parse(stop[1])[0] for stop in stops]
    parts = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in codes], dtype=float)
    values = np.asarray(shares, dtype=float).ravel()
    mixed = np.stack([np.interp(values, at, parts[:, i]) for i in range(3)], axis=1)
    known = np.isfinite(values)
    whole = np.rint(np.where(known[:, None], mixed, 0)).astype(int)
    return [
        "#{:02x}{:02x}{:02x}".format(*row) if ok else None
        for row, ok in zip(whole.tolist(), known, strict=True)
    ]
