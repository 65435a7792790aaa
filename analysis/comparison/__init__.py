"""Studies laid beside each other: `python -m analysis.report A B C`. One file per section, and this list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from analysis.comparison.contests import Results, results
from analysis.comparison.differing import differing, making
from analysis.comparison.fronts import fronts
from analysis.comparison.reach import reach
from analysis.comparison.rivals import Field, field
from analysis.comparison.verdict import verdict
from analysis.results import Study
from analysis.sections.base import Section

SECTIONS: list[Callable[[Field, Results], Section]] = [
    verdict,
    fronts,
    lambda field, results: reach(field),
    lambda field, results: differing(field),
    lambda field, results: making(field),
]


def compare(folders: Sequence[Path], studies: Sequence[Study]) -> tuple[Study, list[Section]]:
    """The head of the page, as a study without trials, and its sections.

    The first study is the one that the others are held against. Raises `StudyError` where the studies must
    not be compared. The same studies give the same page, wherever they lie.
    """
    rivals = field(folders, studies)
    outcome = results(rivals, np.random.default_rng(0))
    sections = [make(rivals, outcome) for make in SECTIONS]
    first = rivals.rivals[0].study
    created = [str(study.info["created_at"]) for study in studies if study.info.get("created_at")]
    info = first.info | {
        "name": " against ".join(rival.label for rival in rivals.rivals),
        "created_at": max(created, default="undated"),
        "state": "complete",
        "budget": {},
    }
    head = Study(info, first.trials.iloc[:0], first.epochs.iloc[:0], first.models.iloc[:0])
    return head, sections
