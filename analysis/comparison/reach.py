"""What shares of the seeds attain, by study, and where the first study is attained more often."""

from __future__ import annotations

from analysis import text
from analysis.comparison.cells import study
from analysis.comparison.rivals import Field, Rival
from analysis.figures.attainment import LEVELS, Reached, attainment_info, draw_attainment, reached
from analysis.figures.difference import DifferenceInfo, difference_info, draw_difference
from analysis.figures.scale import Scale, scales
from analysis.replicates import SINGLE
from analysis.sections.bands import BANDS
from analysis.sections.base import Cell, Column, Picture, Section, Table
from analysis.sections.cells import value

TITLE = "Difference of attainment"
FROM = 0.80  # sparsity from which the finding tells differences


def reach(field: Field) -> Section:
    """The regions of all studies in one figure, then the first against every other one."""
    groups = [_reached(rival) for rival in field.rivals]
    first = field.rivals[0].study
    worst = (first.worst(first.sparsity), first.worst(first.accuracy))
    info = attainment_info(groups, worst)
    if len(info.groups) < 2:
        able = text.listing([group.name for group in info.groups]) or "no study"
        return Section(
            "attainment", TITLE, f"There is no difference to show: {able} attains anything that counts.",
            missing="at least two studies with completed runs at or above the accuracy floor",
        )  # fmt: skip
    titles = first.label(first.sparsity), first.label(first.accuracy)
    at = [float(x) for group in info.groups for corners in group.surfaces.values() for x in corners[:, 0]]
    both = scales(at)[::-1]  # what remains first: studies differ where little does
    finding, pictures = [], []
    if field.basis != SINGLE:  # else the figure of the fronts shows the same
        views = [(label, draw_attainment(info, field.styles, scale, *titles)) for label, scale in both]
        caption = (
            "Everything on and below a line is reached by half of a study's seeds or more; the band runs "
            "from "
            "what a quarter of them reach down to what three quarters reach."
        )
        summary = f"Step lines of {titles[1].lower()} against {titles[0].lower()}, by study."
        pictures.append(Picture("attainment", summary, caption, views, 500, _levels(field, groups)))
    mine = list(field.rivals[0].again.fronts().values())
    for at_, rival in enumerate(field.rivals[1:], 1):
        theirs = list(rival.again.fronts().values())
        difference = difference_info(mine, theirs, both[0][1].low, info.low)
        if not difference.difference.size:
            continue
        told = _told(field.rivals[0], rival, difference, single=field.basis == SINGLE)
        finding.append(told)
        pictures.append(_difference(field.rivals[0], rival, difference, both, told, f"difference-{at_}"))
    return Section("attainment", TITLE, " ".join(finding), pictures=pictures)


def _reached(rival: Rival) -> Reached:
    runs, fronts = rival.again.runs, list(rival.again.fronts().values())
    return reached(rival.label, fronts, runs["configuration"].nunique(), len(runs))


def _told(first: Rival, other: Rival, info: DifferenceInfo, single: bool) -> str:
    """Whose seeds attain more, from 80 % sparsity on: the largest difference on either side."""
    low = FROM if (info.x[1:] >= FROM).any() else float(info.x[0])
    mine, theirs = info.share(1, low), info.share(-1, low)
    where = f"From {text.percent(low, 0)} sparsity on"
    if single:
        words = {
            (True, True): "each reaches points that the other does not",
            (True, False): f"{first.label} reaches all that {other.label} does, and more",
            (False, True): f"{other.label} reaches all that {first.label} does, and more",
            (False, False): "both reach the same",
        }
        return f"{where}, {first.label} against {other.label}: {words[mine > 0, theirs > 0]} (n = 1 each)."
    n = [len(rival.again.fronts()) for rival in (first, other)]
    return (
        f"{where} there are points that {first.label} attains in up to {text.percent(mine, 0)} more of its "
        f"{text.count(n[0], 'seed')} than {other.label} of its {n[1]}, and points that {other.label} attains "
        f"in up to {text.percent(theirs, 0)} more."
    )


def _difference(
    first: Rival, other: Rival, info: DifferenceInfo, views: list[tuple[str, Scale]], told: str, key: str
) -> Picture:
    titles = first.study.label(first.study.sparsity), first.study.label(first.study.accuracy)
    styles = (first.style, other.style)
    drawn = [(label, draw_difference(info, styles, scale, *titles)) for label, scale in views]
    caption = (
        f"{first.label} against {other.label}: a shade is where one of them is attained by so many more of "
        "its "
        "seeds, in percentage points of the seeds; no shade where both are attained equally often. Lines: "
        "what half of the seeds attain."
    )
    if info.alone:
        caption = (
            f"{first.label} against {other.label}: what one of them reaches and the other does not (n = 1)."
        )
    if info.left_out:
        caption += f" {info.left_out} of the grid's lines are left out."
    summary = f"Difference of the empirical attainment functions. {told}"
    return Picture(key, summary, caption, drawn, 520, _shares(first, other, info))


def _shares(first: Rival, other: Rival, info: DifferenceInfo) -> Table:
    """The largest differences by sparsity band: a summary of the shades."""
    columns = [Column("Sparsity from"), Column(f"{first.label} more often, up to")]
    columns += [Column(f"{other.label} more often, up to")]
    rows = [
        [
            Cell(text.percent(least, 0), least),
            *(value(info.share(sign, least), "fraction") for sign in (1, -1)),
        ]
        for least in (float(info.x[0]), *BANDS)
    ]
    return Table(columns, rows, "Largest difference of the shares of seeds at or beyond a sparsity.")


def _levels(field: Field, groups: list[Reached]) -> Table:
    label = field.rivals[0].study.label(field.rivals[0].study.accuracy)
    columns = [Column("Study", False), Column("Seeds, at least")]
    columns += [Column(f"At {text.percent(least, 0)} sparsity") for least in BANDS]
    rows = [
        [
            study(rival), Cell(f"{group.needed(level)} of {group.seeds}", group.needed(level)),
            *(value(group.accuracy(level, least), "fraction") for least in BANDS),
        ]
        for rival, group in zip(field.rivals, groups, strict=True)
        for level in LEVELS
    ]  # fmt: skip
    return Table(columns, rows, f"{label} that so many seeds reach at that sparsity or more.")
