"""The fronts of the studies over each other, and how much each dominates."""

from __future__ import annotations

from analysis import text
from analysis.comparison.cells import TESTED, contest_cells, study
from analysis.comparison.contests import VOLUME, Results
from analysis.comparison.rivals import Field, Rival
from analysis.figures.rivals import RivalsInfo, draw_rivals, rivals_info
from analysis.figures.scale import scales
from analysis.replicates import SINGLE
from analysis.sections.bands import dense_arm
from analysis.sections.base import Cell, Column, Picture, Section, Table
from analysis.sections.cells import estimate, value
from analysis.stats import Estimate, student

TITLE = "Fronts over each other"


def fronts(field: Field, results: Results) -> Section:
    """Confirmed means with error bars, or single trainings; the hypervolume of each study."""
    info = rivals_info(field)
    finding = _finding(field, results)
    if not any(info.points.values()):
        needs = "at least one study with completed runs at or above the accuracy floor"
        tables = [_table(field, results)]
        return Section("fronts", TITLE, "No study has a point that counts.", missing=needs, tables=tables)
    first = field.rivals[0].study
    titles = first.label(first.sparsity), first.label(first.accuracy)
    at = [point.sparsity.value for points in info.points.values() for point in points]
    views = [
        (label, draw_rivals(info, field.styles, scale, *titles)) for label, scale in reversed(scales(at))
    ]
    caption = (
        f"Means over seeds with 95{text.NBSP}% intervals (Student's t); filled: on the front of its own "
        "study's "
        "means. "
        if info.means
        else "Single trainings on the front of their own study's search (n = 1). "
    ) + "Click a study in the legend to hide it."
    summary = f"Step lines and marks of {titles[1].lower()} against {titles[0].lower()}, by study. {finding}"
    picture = Picture("fronts", summary, caption, views, 540, _points(field, info))
    return Section("fronts", TITLE, finding, pictures=[picture], tables=[_table(field, results)])


def _finding(field: Field, results: Results) -> str:
    volumes = {rival.label: _volume(rival, results) for rival in field.rivals}
    order = sorted(field.rivals, key=lambda rival: -volumes[rival.label].value)
    told = []
    for rival in order:
        volume = volumes[rival.label]
        ends = f" [{volume.low:.3f}, {volume.high:.3f}]" if text.finite(volume.low) else ""
        told.append(f"{rival.label} {volume.value:.3f}{ends}")
    study = field.rivals[0].study
    accuracy, sparsity = (text.percent(study.worst(name)) for name in (study.accuracy, study.sparsity))
    worst = f"{accuracy} accuracy, {sparsity} sparsity"
    n = sorted({volume.n for volume in volumes.values()})
    seeds = f"means of {n[0] if len(n) == 1 else f'{n[0]} to {n[-1]}'} seeds"
    measure = "single trainings, n = 1" if field.basis == SINGLE else seeds
    return f"Hypervolume over {worst} ({measure}): {text.listing(told)}."


def _volume(rival: Rival, results: Results) -> Estimate:
    return student(results.volumes[rival.label].to_numpy(dtype=float))


def _table(field: Field, results: Results) -> Table:
    columns = [Column("Study", False), Column("Search trials"), Column("Configurations")]
    columns += [Column("Seeds"), Column("Hypervolume"), *TESTED, Column("Dense accuracy")]
    columns[5] = Column("Difference")
    rows = []
    for rival in field.rivals:
        runs, volume = rival.again.runs, _volume(rival, results)
        searched = int((rival.study.trials["kind"] == "search").sum())
        ends = f" [{volume.low:.3f},{text.NBSP}{volume.high:.3f}]" if text.finite(volume.low) else ""
        rows.append([
            study(rival), value(searched), value(runs["configuration"].nunique()),
            value(runs["seed"].nunique()) if field.basis != SINGLE else Cell("1", 1),
            Cell(f"{volume.value:.3f}{ends}", volume.value),
            *contest_cells(results.contests.get((VOLUME, rival.label)), points=False),
            estimate(_dense(rival)),
        ])  # fmt: skip
    caption = (
        "Hypervolume of what the runs of one seed attain, its mean over the seeds with Student's interval. "
        "The "
        "bootstrap was tried: of the mean of five values its interval holds 92 % where it claims 95."
    )
    if field.basis == SINGLE:
        caption = "Hypervolume of the front of each search's single trainings (n = 1): no interval, no test."
    return Table(columns, rows, caption)


def _dense(rival: Rival) -> Estimate:
    """The dense arm over its seeds where it was confirmed, else its one training."""
    study, nan = rival.study, float("nan")
    parts = [
        part for part in rival.outcome.configurations if part.row["scheduler"] == "dense" and len(part.runs)
    ]
    if parts:
        return max((part.mean(study.accuracy) for part in parts), key=lambda mean: mean.value)
    arm = dense_arm(rival.outcome)
    return Estimate(nan if arm is None else float(arm[study.accuracy]), nan, nan, 1)


def _points(field: Field, info: RivalsInfo) -> Table:
    study_ = field.rivals[0].study
    columns = [Column("Study", False), Column("Trial"), Column("Configuration", False)]
    columns += [Column(study_.label(study_.sparsity)), Column(study_.label(study_.accuracy)), Column("Seeds")]
    columns += [Column("On its study's front", False)]
    rows = [
        [
            study(rival), Cell(str(point.number), point.number), Cell(point.name), estimate(point.sparsity),
            estimate(point.accuracy), value(point.accuracy.n), Cell("yes" if point.on_front else "no"),
        ]
        for rival in field.rivals
        for point in info.points[rival.label]
    ]  # fmt: skip
    return Table(columns, rows, "The marks of the figure, by study, those of its front first.")
