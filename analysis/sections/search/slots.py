"""The time line of the slots and where their time went."""

from __future__ import annotations

from analysis import text
from analysis.figures.timeline import TimelineInfo, draw_timeline
from analysis.sections.base import Cell, Column, Material, Picture, Table
from analysis.sections.cells import trial

NEEDS = "started_at and ended_at of at least one trial"
WORDS = {
    "training": "Training",
    "around training": "Around it: process, data, filing",
    "between trials": "Idle between two trials",
    "before confirming": "Idle until the search had ended, for the confirmation to begin",
    "breaks": "Breaks: nothing ran in any slot",
    "run out": "Idle at the end: no trial was left",
    "unused": "Slots that never ran a trial",
}
_ROWS = 500


def finding(info: TimelineInfo) -> str:
    """The end of the section's sentence."""
    use = info.usage
    slots = "the one slot was" if use.slots == 1 else f"the {use.slots} slots were"
    return (
        f"{slots} busy {text.percent(use.busy, 0)} of the {text.seconds(use.span_s)} from first to last, "
        f"{text.percent(use.share('training'), 0)} with training"
    )


def slots(info: TimelineInfo, material: Material) -> Picture:
    """A bar per trial and slot."""
    use = info.usage
    told = finding(info)
    summary = f"Time line of {text.count(info.trials, 'trial')} in {text.count(use.slots, 'slot')}: {told}."
    caption = (
        "A bar is a trial, from being handed to a slot to its last row; gaps are idle. Slots are worked out "
        "from the times: a trial takes the first that is free."
    )
    if use.breaks:
        caption += " Shaded: breaks in which nothing ran."
    if info.slots < use.slots:
        caption += f" The first {info.slots} of {use.slots} slots are drawn."
    if info.merged:
        caption += " Neighbours of one outcome are drawn as one bar where there are too many to tell apart."
    height = 130 + max(90, min(26 * info.slots, 560))
    return Picture("timeline", summary, caption, [("", draw_timeline(info))], height, _table(info, material))


def account(info: TimelineInfo) -> Table:
    """Where the time of all slots went."""
    use = info.usage
    rows = [
        [
            Cell(words),
            Cell(text.seconds(use.seconds[key]), use.seconds[key]),
            Cell(text.percent(use.share(key)), use.share(key)),
        ]
        for key, words in WORDS.items()
        if use.seconds[key] > 0 or key == "training"
    ]
    whole = f"{text.count(use.slots, 'slot')} x {text.seconds(use.span_s)}"
    columns = [Column("Time of the slots", False), Column("Time"), Column("Share")]
    return Table(columns, rows, f"Where the time of the slots went ({whole}).")


def notes(info: TimelineInfo, material: Material) -> list[str]:
    """Breaks with what is known of their cause; trials without times."""
    found, use = [], info.usage
    if use.breaks:
        total = sum(stop - begin for begin, stop in use.breaks)
        longest = max(use.breaks, key=lambda pair: pair[1] - pair[0])
        ran = material.study.part("timings").get("search_s")
        cause = "the study files no cause"
        if text.finite(ran) and ran < use.span_s - 0.5 * total:
            cause = f"the driver ran for {text.seconds(ran)} in all, so it was interrupted and resumed"
        one = len(use.breaks) == 1
        found.append(
            f"Nothing ran in {'one break' if one else f'{len(use.breaks)} breaks'}, {text.seconds(total)} in "
            f"all ({'' if one else 'the longest '}from {text.seconds(longest[0])} to "
            f"{text.seconds(longest[1])}): {cause}."
        )
    if info.unknown:
        found.append(
            f"{text.count(info.unknown, 'trial')} without times {_are(info.unknown)} not on the time line."
        )
    return found


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _table(info: TimelineInfo, material: Material) -> Table:
    columns = [Column("Trial"), Column("Slot"), Column("Outcome", False), Column("Start"), Column("Time")]
    bars = info.bars.head(_ROWS)
    rows = [
        [
            trial(row) if row["trials"] == 1 else Cell(f"{row['number']} and {row['trials'] - 1} more"),
            Cell(str(row["slot"] + 1), int(row["slot"])),
            Cell(row["outcome"]),
            Cell(text.seconds(row["start_s"]), row["start_s"]),
            Cell(text.seconds(row["length_s"]), row["length_s"]),
        ]
        for row in bars.to_dict("records")
    ]
    left = f"The first {_ROWS} of {len(info.bars):,} bars." if len(info.bars) > _ROWS else "The bars."
    return Table(columns, rows, left)
