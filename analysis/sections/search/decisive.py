"""Which searched parameters decide."""

from __future__ import annotations

from analysis import text
from analysis.figures.importance import MOST, ImportanceInfo, draw_importance, front_share
from analysis.importance import LEAST, MEMBERS, Importances
from analysis.sections.base import Cell, Column, Picture, Table
from analysis.stats import Estimate

NEEDS = f"at least {LEAST} completed search trials whose parameters differ"


def finding(info: ImportanceInfo) -> str:
    """The clause of the section's sentence: the parameter that matters most, or why none is named."""
    target = info.targets[0]
    if not info.parameters:
        return "no searched parameter differs between its trials"
    if not target.enough:
        return (
            f"n = {target.total} with {target.members} near the front is too few to rank its "
            f"{text.count(len(info.parameters), 'parameter')}"
        )
    at = target.order()[0]
    part, name = target.estimates[at], info.parameters[at].label
    if not part.value > target.noise:
        return (
            f"none of its {text.count(len(info.parameters), 'parameter')} stands out from chance in who "
            f"reaches the front (the most important, {name}, explains {spread(part)}; n = {target.total})"
        )
    return (
        f"its most important parameter is {name}, which alone explains {spread(part)} of the differences in "
        f"who comes near the front (n = {target.total})"
    )


def spread(part: Estimate) -> str:
    """A share with its interval."""
    return text.estimate(part.value, part.low, part.high)


def decisive(info: ImportanceInfo) -> Picture | None:
    """Main effects with intervals, by target; None where nothing can be estimated."""
    if not info.known:
        return None
    tells = _told(info)
    left = len(info.parameters) - min(MOST, len(info.known))
    caption = (
        "A mark is the share of the differences between trials, good or not, that one parameter explains by "
        f"itself (main effect, bias removed), with its 95{text.NBSP}% bootstrap interval over trials. Good "
        f"means: {front_share(info)}; or the best quarter in an objective. Shaded: below it chance alone "
        f"leaves all parameters in 95{text.NBSP}% of cases. What parameters do together is in no mark, and a "
        "sampler that varies two together credits both. A parameter that only some trials have counts for "
        "what it explains among those, in the same units."
    )
    if left > 0:
        more = text.count(left, "parameter")
        caption += (
            f" {more} of less weight, or of too few trials, {'is' if left == 1 else 'are'} in the table."
        )
    summary = f"Dot plot of parameter importances. {' '.join(tells)}"
    height = 130 + 40 * min(MOST, len(info.known))
    figures = draw_importance(info), draw_importance(info, narrow=True)
    return Picture(
        "importance", summary, caption, [("", figures[0])], height, _table(info), narrow=figures[1:]
    )


def _target(label: str, place: int) -> str:
    return label if place == 0 else f"Best quarter in {label[:1].lower() + label[1:]}"


def _told(info: ImportanceInfo) -> list[str]:
    names = [_target(label, place) for place, label in enumerate(info.labels)]
    return [_tell(name, target, info) for name, target in zip(names, info.targets, strict=True)]


def _tell(label: str, target: Importances, info: ImportanceInfo) -> str:
    if not target.enough:
        return f"{label}: too few to rank (n = {target.total}, {target.members} good)."
    clear = [at for at in target.order() if target.estimates[at].value > target.noise][:3]
    named = [f"{info.parameters[at].label} {spread(target.estimates[at])}" for at in clear]
    return f"{label} (n = {target.total}): {text.listing(named) if named else 'none beyond chance'}."


def notes(info: ImportanceInfo) -> list[str]:
    """What the importances do not show."""
    if not info.parameters:
        return []
    few = [
        f"{_target(label, place).lower()} (n = {target.total}, {target.members} good)"
        for place, (label, target) in enumerate(zip(info.labels, info.targets, strict=True))
        if not target.enough
    ]
    if not few:
        return [f"Parameters beyond chance. {' '.join(_told(info))}"]
    return [
        f"Too few trials to rank parameters for {text.listing(few)}: at least {LEAST} trials are needed, "
        f"{MEMBERS} of them good and {MEMBERS} not; until then read the intervals, not the order."
    ]


def _table(info: ImportanceInfo) -> Table:
    columns = [Column("Parameter", False), Column("Trials that have it")]
    columns += [Column(_target(label, place)) for place, label in enumerate(info.labels)]
    rows = []
    for i in info.order:
        parts = [target.estimates[i] for target in info.targets]
        cells = [Cell(spread(p), p.value if text.finite(p.value) else None) for p in parts]
        rows.append([Cell(info.parameters[i].label), Cell(str(parts[0].n), parts[0].n), *cells])
    told = ", ".join(
        f"{label.lower()}: {target.members} of {target.total} good, chance below {text.percent(target.noise)}"
        for label, target in zip(info.labels, info.targets, strict=True)
    )
    return Table(columns, rows, f"Share explained alone, with 95{text.NBSP}% interval ({told}).")
