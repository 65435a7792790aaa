"""The report in reading order: one file per section, and this list. A new section: a file and a row."""

from __future__ import annotations

from analysis.sections.answer import answer
from analysis.sections.attainment import attainment
from analysis.sections.base import SectionMaker
from analysis.sections.curves import curves
from analysis.sections.failures import failures
from analysis.sections.front import front
from analysis.sections.hardware import hardware
from analysis.sections.layers import layers
from analysis.sections.making import making
from analysis.sections.search import search
from analysis.sections.shapes import shapes
from analysis.sections.spines import spines
from analysis.sections.threshold import threshold
from analysis.sections.trials import trials

SECTIONS: list[SectionMaker] = [
    answer, front, attainment, shapes, threshold, curves, spines, layers, hardware,
    search, failures, trials, making,
]  # fmt: skip
