"""What traces are drawn on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.svg.axes import Axis, Floats
from analysis.svg.xml import group


@dataclass
class Panel:
    """One pair of axes. `tolerance`: pixels that a simplified line may be off; `every`: one mark in so many.

    `previous`: the line of the trace before, in pixels, for fills between two. `left_out`: marks not drawn.
    """

    x: Axis
    y: Axis
    clip_id: str
    tolerance: float = 0.05
    every: int = 1
    previous: tuple[Floats, Floats] | None = None
    left_out: int = 0

    def clip(self, parts: Iterable[str]) -> str:
        """Parts cut at the panel's edge."""
        return group([part for part in parts if part], clip_path=f"url(#{self.clip_id})")
