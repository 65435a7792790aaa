"""The region reached in 25, 50 and 75 % of the seeds, by schedule family."""

from __future__ import annotations

from analysis import text
from analysis.figures.attainment import (
    LEVELS,
    MOST,
    AttainmentInfo,
    Reached,
    attainment_info,
    draw_attainment,
    reached,
)
from analysis.figures.scale import scales
from analysis.replicates import CONFIRMED, SINGLE, Replicates, replicates
from analysis.sections.bands import BANDS
from analysis.sections.base import Cell, Column, Material, Picture, Section, Table
from analysis.sections.cells import schedule, value

TITLE = "Attainment"
HEADLINE = 0.90
NEEDS = "completed trials at or above the accuracy floor, and for a spread several seeds by configuration"


def attainment(material: Material) -> Section:
    """One front for every seed of a family; the region that a share of them attains says how sure it is."""
    study = material.study
    again = replicates(study)
    groups = [family(again, name) for name in sorted(set(again.runs["scheduler"]))]
    worst = (study.worst(study.sparsity), study.worst(study.accuracy))
    info = attainment_info(groups, worst)
    if not info.groups:
        runs = text.count(len(again.runs), "run")
        return Section(
            "attainment",
            TITLE,
            f"None of {runs} of pruned networks attains anything that counts.",
            missing=NEEDS,
        )
    finding = _finding(material, info, again)
    titles = study.label(study.sparsity), study.label(study.accuracy)
    at = [float(x) for group in info.groups for corners in group.surfaces.values() for x in corners[:, 0]]
    views = [(label, draw_attainment(info, material.styles, scale, *titles)) for label, scale in scales(at)]
    picture = Picture(
        "attainment",
        f"Step lines of {titles[1].lower()} against {titles[0].lower()}, by schedule. {finding}",
        _caption(again),
        views,
        520,
        _corners(info, material),
    )
    tables = [_table(info, material)]
    return Section("attainment", TITLE, finding, _notes(info, again), [picture], tables)


def family(again: Replicates, name: str) -> Reached:
    """What the seeds of one schedule reach."""
    part = again.of(scheduler=name)
    fronts = list(part.fronts().values())
    return reached(name, fronts, part.runs["configuration"].nunique(), len(part.runs))


def _finding(material: Material, info: AttainmentInfo, again: Replicates) -> str:
    """The best family at 90 % sparsity, or where none is so sparse at the most that any reaches."""
    least = next((least for least in (HEADLINE, BANDS[0]) if _reached(info, least)), None)
    at = f"At {text.percent(least, 0)} sparsity or more"
    if least is None:
        least = max(float(group.surfaces[0.5][:, 0].max(initial=0.0)) for group in info.groups)
        at = f"At {text.percent(least)} sparsity, the most that half of the seeds reach,"
    able = [group for group in info.groups if group.reaches(0.5, least)]
    able.sort(key=lambda group: -group.accuracy(0.5, least))
    if not able:
        return "Less than half of the seeds attain anything with any schedule."
    best, names = able[0], material.styles

    def told(group: Reached) -> str:
        return f"{text.percent(group.accuracy(0.5, least))} with {text.short(names[group.name].label, 40)}"

    rest = f", {text.listing([told(group) for group in able[1:3]])}" if able[1:] else ""
    none = [text.short(names[group.name].label, 40) for group in info.groups if group not in able]
    tail = f"; not with {text.listing(none[:6])}" if none else ""
    if again.basis == SINGLE:
        return f"{at} single trainings (n = 1, no spread over seeds) reach {told(best)}{rest}{tail}."
    return (
        f"{at} half of {text.count(best.seeds, 'seed')} reach {told(best)}{_spread(best, least)}{rest}{tail}."
    )


def _reached(info: AttainmentInfo, least: float) -> bool:
    return any(group.reaches(0.5, least) for group in info.groups)


def _spread(group: Reached, least: float) -> str:
    low, high = group.accuracy(LEVELS[-1], least), group.accuracy(LEVELS[0], least)
    most = f"three quarters {text.percent(low)}" if text.finite(low) else "three quarters are not so sparse"
    return f" ({most}, a quarter {text.percent(high)})"


def _caption(again: Replicates) -> str:
    if again.basis == SINGLE:
        return (
            "The region that the single trainings of each schedule reach (n = 1): everything on and below "
            "its line. Click a schedule in the legend to hide it."
        )
    return (
        "Everything on and below a line is reached by half of the seeds or more; the band runs from what a "
        "quarter of them reach (its upper edge) down to what three quarters reach. Click a schedule in the "
        "legend to hide it."
    )


def _notes(info: AttainmentInfo, again: Replicates) -> list[str]:
    counted = (
        "A run below the accuracy floor, one that violates a constraint and one that failed attain nothing. "
        "The dense network is left out."
    )
    notes = []
    if again.basis == SINGLE:
        notes.append(
            "No configuration was trained with several seeds, so nothing can be said of shares of seeds. For "
            "that this section needs confirming runs: search with --confirm 5, say."
        )
    else:
        runs = (
            "confirming runs"
            if again.basis == CONFIRMED
            else "runs, which repeat configurations with several seeds"
        )
        notes.append(
            f"From the {runs}: the runs of one seed and one schedule are one front. A share of few seeds is "
            "coarse: the table says how many seeds each share stands for."
        )
    if len({group.configurations for group in info.groups}) > 1:
        notes.append(
            "Schedules with more configurations have more chances to reach far; the table has the counts, "
            "and those of the search were chosen because they did well once."
        )
    if info.left_out:
        notes.append(f"The {MOST} schedules that reach most are drawn; {info.left_out} more are left out.")
    return [*notes, counted]


def _table(info: AttainmentInfo, material: Material) -> Table:
    """Accuracy by sparsity band, one row for every family."""
    columns = [Column("Schedule", False), Column("Configurations"), Column("Runs"), Column("Seeds")]
    columns += [Column(f"At {text.percent(least, 0)} sparsity") for least in BANDS]
    rows = []
    for group in info.groups:
        cells = [schedule(group.name, material), value(group.configurations), value(group.runs)]
        cells += [value(group.seeds), *(_attained(group, least) for least in BANDS)]
        rows.append(cells)
    label = material.study.label(material.study.accuracy)
    best = info.groups[0]
    needed = text.listing([str(best.needed(level)) for level in LEVELS])
    caption = (
        f"{label} that half of the seeds reach at that sparsity or more; in brackets what three quarters and "
        f"what a quarter of them reach (of {text.count(best.seeds, 'seed')} the shares are {needed}). "
        "A dash: they do not get there."
    )
    if all(group.seeds == 1 for group in info.groups):
        caption = (
            f"{label} of the best single training at that sparsity or more (n = 1); a dash: none gets there."
        )
    return Table(columns, rows, caption)


def _attained(group: Reached, least: float) -> Cell:
    """The median with the other two levels; one number where there is one seed."""
    middle, low, high = (group.accuracy(level, least) for level in (0.5, LEVELS[-1], LEVELS[0]))
    if group.seeds == 1 or not text.finite(high):
        return value(middle, "fraction")
    ends = [f"{100 * end:.1f}" if text.finite(end) else text.DASH for end in (middle, low, high)]
    shown = f"{ends[0]} [{ends[1]},{text.NBSP}{ends[2]}]{text.NBSP}%"
    return Cell(shown, middle if text.finite(middle) else None)


def _corners(info: AttainmentInfo, material: Material) -> Table:
    """The corners of every surface: the data of the figure."""
    study = material.study
    columns = [Column("Schedule", False), Column("Seeds, at least")]
    columns += [Column(study.label(study.sparsity)), Column(study.label(study.accuracy))]
    rows = [
        [schedule(group.name, material), *(value(float(part), "fraction") for part in (level, x, y))]
        for group in info.groups
        for level in (LEVELS if group.seeds > 1 else (0.5,))
        for x, y in group.surfaces[level]
    ]
    return Table(columns, rows, "Corners of the regions, by schedule and share of the seeds.")
