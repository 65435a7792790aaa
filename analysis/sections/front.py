"""The heart of the report: the accuracy-versus-sparsity Pareto plot."""

from __future__ import annotations

from analysis import pareto, text
from analysis.figures.front import NARROW, FrontInfo, axes, draw_front, front_info
from analysis.figures.front_svg import front_svg
from analysis.outcome import BOTH_MORE
from analysis.sections.base import Material, Picture, Section
from analysis.sections.cells import trial_table

NEEDS = "at least one trial in state COMPLETE with finite accuracy and sparsity"


def front(material: Material) -> Section:
    """Front, dominated, below the floor, reference arms, knee; the second view has a log axis of the rest."""
    study, outcome = material.study, material.outcome
    info = front_info(study, outcome)
    title = "Accuracy against sparsity"
    sizes = {
        "dominated": len(outcome.of("dominated")),
        f"below the accuracy floor of {text.percent(study.floor, 0)}": len(outcome.of("below floor")),
        "stopped early": info.stopped,
        "failed": info.failed,
    }
    counted = text.listing([f"{n} {word}" for word, n in sizes.items() if n]) or "none dominated"
    if not info.marks and not info.dense:
        return Section("front", title, f"There is nothing to plot: {counted}.", missing=NEEDS)
    finding = _finding(material, info, counted)
    drawn = [(label, draw_front(info, material.styles, axis)) for label, axis in axes(info)]
    narrow = [draw_front(info, material.styles, axis, NARROW) for _, axis in axes(info)]
    summary = f"Scatter plot of {info.y_title} against {info.x_title}. {finding}"
    table = trial_table(
        outcome.of("front", "reference").sort_values([study.sparsity, "number"], kind="stable"),
        material,
        "The front and the reference arms, from least to most sparse.",
    )
    caption = (
        "Everything on and below the blue line was reached by a search trial. Large filled marks: the front. "
        "Small open marks: dominated. Ink edge: reference arms. Arrows at the lower edge: trials below it."
    )
    svg = front_svg(info, material.styles, summary)
    picture = Picture("front", summary, caption, drawn, 620, table, svg, narrow)
    return Section("front", title, finding, pictures=[picture])


def _finding(material: Material, info: FrontInfo, counted: str) -> str:
    study, outcome = material.study, material.outcome
    rows, total = outcome.front, len(outcome.trials[outcome.trials["kind"] == "search"])
    if rows.empty:
        return f"No search trial is on the front yet (n = {total} ended; {counted})."
    sparsity, accuracy = rows[study.sparsity], rows[study.accuracy]
    sentence = (
        f"{len(rows)} of {text.count(total, 'search trial')} form the front, from "
        f"{text.percent(accuracy.iloc[0])} accuracy at {text.percent(sparsity.iloc[0])} sparsity to "
        f"{text.percent(accuracy.iloc[-1])} at {text.percent(sparsity.iloc[-1])} ({counted})."
    )
    if info.knee is not None:
        sentence += (
            f" Its knee is trial {info.knee.number}: {text.percent(info.knee.accuracy)} at "
            f"{text.percent(info.knee.sparsity)}."
        )
    arms = info.of("reference")
    if arms:
        open_ = [mark for mark in arms if not _covered(mark.accuracy, mark.sparsity, material)]
        pruned = text.count(len(arms), "pruned reference arm")
        sentence += f" The front dominates {len(arms) - len(open_)} of {pruned}."
    low_accuracy, low_sparsity = study.reference
    return sentence + (
        f" Hypervolume {text.number(outcome.hypervolume)} (reference point: accuracy "
        f"{text.percent(low_accuracy, 0)}, sparsity {text.percent(low_sparsity, 0)})."
    )


def _covered(accuracy: float, sparsity: float, material: Material) -> bool:
    """True if some point of the front dominates (accuracy, sparsity)."""
    rows = material.outcome.front[[material.study.accuracy, material.study.sparsity]].to_numpy(dtype=float)
    alone = pareto.non_dominated([*rows.tolist(), [accuracy, sparsity]], BOTH_MORE)
    return not bool(alone[-1])
