"""What sections, pictures and tables are made of; the page template knows these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from markupsafe import Markup

from analysis import theme
from analysis.columns import LongTable
from analysis.downloads import Download
from analysis.figures.hover import TRIALS as TRIALS  # the `meta` of a trace whose points are trials
from analysis.outcome import Outcome, classify
from analysis.results import Study
from analysis.runs import Runs
from analysis.svg.page import inline


@dataclass(frozen=True)
class Cell:
    """A shown text and the value it sorts by (None: sorts last).

    `trial`: set in the first cell of a row that is one trial; the page then lets readers pick that trial.
    """

    text: str
    sort: float | str | None = None
    color: str | None = None
    trial: int | None = None


@dataclass(frozen=True)
class Column:
    """A table column; numbers are set to the right."""

    label: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A plain table. `tools`: the page adds sorting and filtering when scripts run.

    `whole`: all rows and columns of a long table, which the page's script shows a page at a time instead.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    tools: bool = False
    whole: LongTable | None = None


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    `views`: (button label, figure) pairs; the first is shown first, one view has no buttons.
    `summary`: what the figure shows, in words, for readers who do not see it. `table`: its data.
    `narrow`: the views again as a phone needs them, with the same traces; empty where the wide ones serve.
    `choice`: what the buttons choose.

    A trace whose points are trials can be picked from: its `customdata` holds the trial numbers, one whole
    number a point, and its `meta` is `TRIALS`. The same holds in every view.
    """

    key: str
    summary: str
    caption: str
    views: Sequence[tuple[str, go.Figure]]
    height: int
    table: Table
    narrow: Sequence[go.Figure] = ()
    choice: str = "Horizontal axis"

    @cached_property
    def static(self) -> Markup | None:
        """The first view as inline SVG, for readers without scripts; None where it cannot be drawn."""
        return inline(self.views[0][1], self.height, self.key, self.summary)


@dataclass(frozen=True)
class CurveData:
    """Training curves that the page draws over a picture when their trial is picked.

    `names`: what each curve shows; `units[i]`: the unit of `names[i]` as study.json states it, where
    "fraction" is drawn in percent. `trials`: by number, an array of shape (1 + len(names), epochs): row 0 is
    x, training progress in [0, 1]; row 1 + i is `names[i]`; NaN where unknown. `picture`: the key of the
    picture; its axes number 1 + i (x, x2, ...; y, y2, ...) belong to `names[i]`.
    """

    names: Sequence[str]
    units: Sequence[str | None]
    trials: Mapping[int, npt.NDArray[np.float64]]
    picture: str = "curves"


@dataclass(frozen=True)
class Section:
    """A section as the page shows it.

    `missing`: what it would need, where it has nothing to show. `warnings`: what must be read
    before the rest.
    """

    key: str
    title: str
    finding: str
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    records: Sequence[tuple[str, str]] = ()
    missing: str = ""
    warnings: Sequence[str] = ()
    curves: CurveData | None = None
    downloads: Sequence[Download] = ()


@dataclass(frozen=True, eq=False)
class Material:
    """What every section is made from: the study, the outcome of its trials, the styles of its schedules."""

    study: Study
    outcome: Outcome
    styles: dict[str, theme.Style]

    @classmethod
    def of(cls, study: Study) -> Material:
        """Classify the trials and choose the styles, once for all sections."""
        return cls(study, classify(study), theme.styles(study.trials["scheduler"]))

    @cached_property
    def runs(self) -> Runs:
        """The rows of epochs by trial."""
        return Runs.of(self.study.epochs)


SectionMaker = Callable[[Material], Section]
