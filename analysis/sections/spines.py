"""The life of the spines: when they turn over, how many end as filopodia, how many of the first survive."""

from __future__ import annotations

import statistics

from analysis import text
from analysis.figures.panels import height
from analysis.figures.spines import Life, SpinesInfo, draw_bands, draw_lines, spines_info, traces_of
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule
from analysis.stats import Estimate

TITLE = "The life of the spines"
ROWS = 200
NEEDS = "a completed pruned training with the columns spines_filopodia, spines_formed, ... in epochs.jsonl"
MEANING = (
    "A spine is a weight: mature while the weight is not 0, a filopodium while the threshold holds it at 0, "
    "where it still learns and may come back; from one epoch's end to the next it may form (0 to not 0), be "
    "eliminated (not 0 to 0) or flip its sign, and the survivors are those of the network's first spines "
    "that were mature at the end of every epoch so far."
)


def spines(material: Material) -> Section:
    """Filopodia, formed, eliminated, flipped and survival over progress, by schedule and by trial."""
    info = spines_info(material.study, material.outcome, material.runs)
    if not info.lives:
        return Section("spines", TITLE, "No life of spines to show (n = 0).", missing=NEEDS)
    finding, traces = _finding(info), traces_of(info)
    caption = MEANING + " By schedule: the median training and the middle half of them."
    if info.left_out:
        caption += f" {text.count(info.left_out, 'more schedule')} with fewer trainings left out."
    views = [("By schedule", draw_bands(info, material.styles, traces))]
    if info.lines:
        views.append(("Front and arms", draw_lines(info, material.styles, traces)))
    summary = f"Line plots of the states of spines over training progress. {finding}"
    tall, table = height(info.panels), _trials(info, material)
    picture = Picture("spines", summary, caption, views, tall, table, choice="Trainings")
    return Section("spines", TITLE, finding, pictures=[picture], tables=[_by_schedule(info, material)])


def _finding(info: SpinesInfo) -> str:
    n = text.count(len(info.lives), "pruned training")
    parts = []
    peak, height = info.median("peak_at"), info.median("peak")
    if peak.n:
        parts.append(
            f"turnover peaks at u = {peak.value:.2f} (quartiles {peak.low:.2f} to {peak.high:.2f}), where "
            f"{_percent(height.value)} of all weights form or vanish within an epoch"
        )
    filopodia = info.median("filopodia")
    if filopodia.n:
        parts.append(f"{_percent(filopodia.value)} of the weights end as filopodia ({_quartiles(filopodia)})")
    survival = info.median("survival")
    if survival.n:
        parts.append(
            f"{_percent(survival.value)} of the first spines survive to the end ({_quartiles(survival)})"
        )
    if not parts:
        return f"Of {n} only parts of the spines' life are recorded."
    return f"In the median of {n} {text.listing(parts)}."


def _percent(value: float) -> str:
    return text.percent(value, 1 if value < 0.995 else 2)


def _quartiles(estimate: Estimate) -> str:
    return f"quartiles {_percent(estimate.low)} to {_percent(estimate.high)}"


_HEADS = (
    ("peak_at", "Turnover peaks at u"), ("peak", "Turnover at its peak"),
    ("filopodia", "Filopodia at the end"), ("formed", "Formed, sum"),
    ("eliminated", "Eliminated, sum"), ("flipped", "Flipped, sum"), ("survival", "Survival"),
)  # fmt: skip


def _cells(values: list[float]) -> list[Cell]:
    """The seven numbers of a life; the first is a progress, the others are fractions."""
    at, *fractions = values
    first = Cell(f"{at:.2f}" if text.finite(at) else text.DASH, at if text.finite(at) else None)
    return [first, *(Cell(text.percent(v), v if text.finite(v) else None) for v in fractions)]


def _by_schedule(info: SpinesInfo, material: Material) -> Table:
    groups: dict[str, list[Life]] = {}
    for life in info.lives:
        groups.setdefault(life.scheduler, []).append(life)
    rows = []
    for name in sorted(groups, key=lambda name: (-len(groups[name]), name)):
        known = [
            [value for life in groups[name] if text.finite(value := getattr(life, field))]
            for field, _ in _HEADS
        ]
        medians = [statistics.median(values) if values else float("nan") for values in known]
        n = len(groups[name])
        rows.append([schedule(name, material), Cell(str(n), n), *_cells(medians)])
    columns = [Column("Schedule", False), Column("n"), *(Column(head) for _, head in _HEADS)]
    caption = (
        "Medians by schedule over completed search trials and arms. Turnover: formed and eliminated in an "
        "epoch, as a share of all weights; sums run over all epochs, so that a weight may count many times."
    )
    return Table(columns, rows, caption)


def _trials(info: SpinesInfo, material: Material) -> Table:
    order = {"front": 0, "reference": 1}
    lives = sorted(info.lives, key=lambda life: (order.get(life.outcome, 2), life.number))
    rows = [
        [
            Cell(str(life.number), life.number, trial=life.number),
            schedule(life.scheduler, material),
            Cell(life.outcome),
            *_cells([getattr(life, field) for field, _ in _HEADS]),
        ]
        for life in lives[:ROWS]
    ]
    columns = [Column("Trial"), Column("Schedule", False), Column("Outcome", False)]
    columns += [Column(head) for _, head in _HEADS]
    left = len(lives) - len(rows)
    caption = "Completed pruned trainings, the front first." + (
        f" {left:,} more are left out; the rows by epoch are in epochs.jsonl." if left else ""
    )
    return Table(columns, rows, caption)
