"""The heart of the report: the accuracy-versus-sparsity Pareto plot."""

from __future__ import annotations

import numpy as np

from analysis import pareto, text
from analysis.figures.front import FrontInfo, front_info
from analysis.figures.front_draw import NARROW, draw_front
from analysis.published import published
from analysis.sections.base import Material, Picture, Section
from analysis.sections.cells import trial_table
from analysis.sections.means import means_table, published_table

NEEDS = "at least one trial in state COMPLETE with finite accuracy and sparsity"


def front(material: Material) -> Section:
    """Front, dominated, below the floor, reference arms, knee; the second view has a log axis of the rest."""
    study, outcome = material.study, material.outcome
    info = front_info(study, outcome)
    title = "Accuracy against sparsity"
    # Of the search alone: failures of arms and of confirming runs are in the table of all trials.
    ended = outcome.trials.loc[outcome.trials["kind"] == "search", "outcome"].value_counts()
    words = {
        "dominated": "dominated",
        "infeasible": "violating a constraint",
        "below floor": f"below the accuracy floor of {text.percent(study.floor, 0)}",
        "stopped": "stopped early",
        "failed": "failed",
    }
    counted = (
        text.listing([f"{ended[key]} {word}" for key, word in words.items() if key in ended])
        or "none dominated"
    )
    if not info.marks and not info.dense:
        return Section("front", title, f"There is nothing to plot: {counted}.", missing=NEEDS)
    finding = _finding(material, info, counted)
    drawn = [(view.button, draw_front(info, material.styles, view)) for view in info.views]
    narrow = [draw_front(info, material.styles, view, NARROW) for view in info.views]
    summary = f"Scatter plot of {info.y_title} against {info.views[0].axis.title}. {finding}"
    table = trial_table(
        outcome.of("front", "reference").sort_values([study.sparsity, "number"], kind="stable"),
        material,
        "The front and the reference arms, from least to most sparse; one training each.",
        list(dict.fromkeys(view.axis.metric for view in info.views)),
    )
    caption = (
        "Everything on and below the blue line was reached by a search trial. Large filled marks: the front. "
        "Small open marks: dominated. Ink edge: reference arms. Arrows at the lower edge: trials below it."
    )
    if info.of("stopped"):
        caption += " Dashes: where trials were stopped, before they had pruned all they would."
    if info.confirmed.means:
        caption += (
            f" Hollow marks with bars: means over fresh seeds with 95{text.NBSP}% intervals; dotted: from "
            "the value that the search saw to the mean; ink line: the confirmed front. Reference arms that "
            "were trained again stand at their means."
        )
    if len(study.objectives) > 2:
        caption += (
            f" The front is that of {text.listing([study.label(name) for name in study.objectives])}; "
            "here it is seen along two of them, so that some of its marks lie inside the region."
        )
    if info.published:
        caption += " Stars and other large open marks: published results; the legend switches them."
    if info.left_out:
        some = text.listing([f"{n:,} {word}" for word, n in info.left_out.items()])
        caption += f" Not drawn, evenly by number, so that the rest can be seen: {some}."
    picture = Picture("front", summary, caption, drawn, 620, table, narrow)
    tables = [means_table(material)] if outcome.configurations else []
    notes, beside = [published(study).note], published(study).results
    tables += [published_table(beside)] if beside else []
    return Section("front", title, finding, notes, pictures=[picture], tables=tables)


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
            f"{text.percent(info.knee.at[study.sparsity])}."
        )
    arms = outcome.references[outcome.references["scheduler"] != "dense"]
    if len(arms):
        best = rows[study.objectives].to_numpy(dtype=float)
        covered = _covered(arms[study.objectives].to_numpy(dtype=float), best, study.maximize)
        sentence += f" The front dominates {covered} of {text.count(len(arms), 'pruned reference arm')}."
    reference = [
        f"{study.label(name).lower()} {text.by_unit(low, study.unit(name))}"
        for name, low in zip(study.objectives, study.reference, strict=True)
    ]
    sentence += f" Hypervolume {text.number(outcome.hypervolume)} (reference point: {', '.join(reference)})"
    if not outcome.confirmed_front:
        return sentence + "."
    tried = [part for part in outcome.configurations if not part.is_reference]
    return sentence + (
        f". Of {text.count(len(tried), 'configuration')} trained again with fresh seeds, "
        f"{len(outcome.confirmed_front)} form the confirmed front: hypervolume "
        f"{text.number(outcome.confirmed_hypervolume)} of the means{_means(material)}."
    )


def _means(material: Material) -> str:
    """How many confirmed arms the confirmed front dominates, mean against mean."""
    study, outcome = material.study, material.outcome
    parts = [part for part in outcome.configurations if len(part.runs)]
    arms = [part for part in parts if part.is_reference and part.row["scheduler"] != "dense"]
    best = [part for part in parts if part.number in outcome.confirmed_front]
    if not arms:
        return ""
    theirs, ours = (
        np.array([[part.mean(name).value for name in study.objectives] for part in some])
        for some in (arms, best)
    )
    covered = _covered(theirs, ours, study.maximize)
    return f", which dominate {covered} of {text.count(len(arms), 'confirmed reference arm')}"


def _covered(arms: pareto.Floats, front: pareto.Floats, maximize: tuple[bool, ...]) -> int:
    """How many rows of `arms` some row of the front dominates."""
    return sum(not pareto.non_dominated(np.vstack([front, arm]), maximize)[-1] for arm in arms)
