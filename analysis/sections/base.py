"""What sections, pictures and tables are made of; the page template knows these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import plotly.graph_objects as go
from markupsafe import Markup

from analysis import theme
from analysis.outcome import Outcome, classify
from analysis.results import Study
from analysis.svg.page import inline


@dataclass(frozen=True)
class Cell:
    """A shown text and the value it sorts by (None: sorts last)."""

    text: str
    sort: float | str | None = None
    color: str | None = None


@dataclass(frozen=True)
class Column:
    """A table column; numbers are set to the right."""

    label: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A plain table. `tools`: the page adds sorting and filtering when scripts run."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    tools: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    `views`: (button label, figure) pairs; the first is shown first, one view has no buttons.
    `summary`: what the figure shows, in words, for readers who do not see it. `table`: its data.
    `narrow`: the views again as a phone needs them, with the same traces; empty where the wide ones serve.
    """

    key: str
    summary: str
    caption: str
    views: Sequence[tuple[str, go.Figure]]
    height: int
    table: Table
    narrow: Sequence[go.Figure] = ()

    @cached_property
    def static(self) -> Markup | None:
        """The first view as inline SVG, for readers without scripts; None where it cannot be drawn."""
        return inline(self.views[0][1], self.height, self.key, self.summary)


@dataclass(frozen=True)
class Section:
    """A section as the page shows it. `missing`: what it would need, where it has nothing to show."""

    key: str
    title: str
    finding: str
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    records: Sequence[tuple[str, str]] = ()
    missing: str = ""


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


SectionMaker = Callable[[Material], Section]
