"""The answer: the best configuration at 90 % sparsity, how sure it is, and the same for other sparsities."""

from __future__ import annotations

from analysis import stats, text
from analysis.confirmation import TEST
from analysis.sections.bands import BANDS, Band, band, dense_arm
from analysis.sections.base import Cell, Column, Material, Section, Table
from analysis.sections.caveats import caveats
from analysis.sections.cells import estimate, gain, schedule, trial, value

HEADLINE = 0.90


def answer(material: Material) -> Section:
    """One sentence with the number, its interval and n; then the best of every sparsity band."""
    study, outcome = material.study, material.outcome
    samples = study.samples(study.accuracy.rpartition("_")[2])
    tests = {
        int(number): stats.wilson(float(accuracy), study.samples("test"))
        for number, accuracy in study.models[["number", TEST]].dropna().itertuples(index=False)
    }
    bands = {least: band(outcome, least, samples, tests) for least in BANDS}
    head = bands[HEADLINE]
    title = "The answer"
    if outcome.searched.empty:
        failed, stopped = len(outcome.of("failed")), len(outcome.of("stopped"))
        finding = (
            f"There is no answer yet: of {text.count(len(outcome.trials), 'ended trial')} no search trial "
            f"completed ({failed} failed, {stopped} stopped early)."
        )
        return Section("answer", title, finding, missing="at least one search trial in state COMPLETE")
    if head.best is None:
        feasible = outcome.of("front", "dominated")[outcome.sparsity]
        best = "no trial reached" if feasible.empty else f"{text.percent(feasible.max())} is the most with"
        finding = (
            f"None of {text.count(len(outcome.searched), 'completed search trial')} reached "
            f"{text.percent(HEADLINE, 0)} sparsity with an accuracy that counts: {best} the floor of "
            f"{text.percent(study.floor, 0)} accuracy."
        )
    elif head.confirmed is not None:
        finding = _confirmed(material, head)
    else:
        finding = _measured(material, head)
    return Section(
        "answer", title, finding, caveats(material, head, samples), tables=[_table(material, bands)]
    )


def _opening(material: Material, head: Band, chosen_from: str, shown: str) -> str:
    assert head.best is not None
    ratio = head.best["threshold_ratio"]
    with_d = f", {text.RATIO} = {text.number(ratio)}" if text.finite(ratio) else ""
    return (
        f"At {text.percent(HEADLINE, 0)} sparsity or more, the best of {chosen_from} keeps {shown} "
        f"with {text.percent(1 - head.sparsity.value)} of the weights: "
        f"schedule {text.short(material.styles[head.best['scheduler']].label, 40)}{with_d} "
        f"(trial {int(head.best['number'])})"
    )


def _measured(material: Material, head: Band) -> str:
    """The headline from one training."""
    study, dense = material.study, dense_arm(material.outcome)
    shown = f"{text.percent(head.accuracy.value)} {study.label(study.accuracy).lower()}"
    sentence = _opening(
        material,
        head,
        text.count(head.candidates, "feasible search trial"),
        shown + _spread(head.accuracy, "sample"),
    )
    if dense is not None:
        sentence += f", {_away(head.gap)} the dense network ({text.percent(dense[study.accuracy])})"
    if text.finite(head.test.value) and not study.accuracy.endswith("_test"):
        sentence += f". Its test accuracy is {text.percent(head.test.value)}{_spread(head.test, 'sample')}"
    return sentence + "."


def _confirmed(material: Material, head: Band) -> str:
    """The headline from means over fresh seeds, differences paired by seed."""
    study, arm = material.study, head.reference
    label, n = study.label(study.accuracy).lower(), head.accuracy.n
    shown = f"{text.percent(head.accuracy.value)} {label} in the mean of {text.count(n, 'fresh seed')}"
    chosen_from = text.count(head.candidates, "confirmed configuration")
    sentence = _opening(material, head, chosen_from, shown + _spread(head.accuracy))
    if arm is not None:
        name, other = text.ratio_name(arm), text.percent(head.reference_accuracy.value)
        sentence += f", {_away(head.gain)} the best reference arm that is as sparse ({name}: {other}"
        sentence += f"{_paired(head.gain)})"
    else:
        sentence += "; no reference arm is as sparse"
    if text.finite(head.gap.value):
        sentence += f", {'and ' if arm is not None else ''}{_away(head.gap)} the dense network"
        sentence += f" ({_paired(head.gap).removeprefix('; ')})" if text.finite(head.gap.low) else ""
    if text.finite(head.test.value) and not study.accuracy.endswith("_test"):
        runs = "the same runs" if head.test.n == n else f"{head.test.n} of these runs"
        sentence += f". Test accuracy of {runs}: {text.percent(head.test.value)}{_spread(head.test)}"
    return sentence + "."


def _away(difference: stats.Estimate) -> str:
    far = text.points(abs(difference.value)).lstrip("+")
    if not float(far):
        return "level with"
    return f"{far} points {'below' if difference.value < 0 else 'above'}"


def _spread(accuracy: stats.Estimate, unit: str = "") -> str:
    """The interval of an accuracy, and its n with a unit, in parentheses; nothing when there is none."""
    if not text.finite(accuracy.low):
        return ""
    low, high = 100 * accuracy.low, text.percent(accuracy.high)
    n = f", n{text.NBSP}={text.NBSP}{text.count(accuracy.n, unit)}" if unit else ""
    return f" (95{text.NBSP}% interval {low:.1f} to {high}{n})"


def _paired(difference: stats.Estimate) -> str:
    """'; paired over 5 seeds, 95 % interval +0.4 to +2.0 points', with a word where it holds zero."""
    if not text.finite(difference.low):
        return f"; n{text.NBSP}={text.NBSP}{difference.n}, no interval"
    low, high = text.points(difference.low), text.points(difference.high)
    unsure = ", which holds zero" if difference.low <= 0 <= difference.high else ""
    pairs = text.count(difference.n, "seed")
    return f"; paired over {pairs}, 95{text.NBSP}% interval {low} to {high}{unsure}"


def _table(material: Material, bands: dict[float, Band]) -> Table:
    study = material.study
    columns = [
        Column("Sparsity at least"), Column("Best trial"), Column("Schedule", False), Column(text.RATIO),
        Column("Sparsity"), Column(study.label(study.accuracy)), Column("Test accuracy"),
        Column("Gain, points"), Column("Over the best arm", False), Column("To dense, points"),
        Column("Trainings"),
    ]  # fmt: skip
    rows = [[Cell(text.percent(least, 0), least), *_cells(material, entry)] for least, entry in bands.items()]
    sizes = f"n = {text.count(study.samples(study.accuracy.rpartition('_')[2]), 'validation sample')}"
    sizes += f", {text.count(study.samples('test'), 'test sample')}"
    caption = f"Best by sparsity; brackets hold 95{text.NBSP}% intervals"
    if any(entry.confirmed for entry in bands.values()):
        caption += (
            " of Student's t over fresh seeds, of differences paired by seed; with one training, Wilson's "
            f"over the samples ({sizes})."
        )
    else:
        caption += f" (Wilson), {sizes}."
    return Table(columns, rows, caption)


def _cells(material: Material, entry: Band) -> list[Cell]:
    study, row, arm = material.study, entry.best, entry.reference
    none = Cell(text.DASH)
    over = [none, Cell("none reaches it")]
    if arm is not None:
        mean = entry.reference_accuracy
        low = ", below floor" if mean.value < study.floor else ""
        name = f"{text.ratio_name(arm)}: {text.percent(mean.value)}{low}"
        over = [gain(entry.gain), Cell(name.replace(" ", text.NBSP))]
    if row is None:
        return [Cell("none"), none, none, none, none, none, *over, none, none]
    runs = entry.accuracy.n if entry.confirmed is not None else 1
    return [
        trial(row),
        schedule(row["scheduler"], material),
        value(row["threshold_ratio"]),
        value(entry.sparsity.value, "fraction"),
        estimate(entry.accuracy),
        estimate(entry.test),
        *over,
        gain(entry.gap),
        Cell(str(runs), runs),
    ]
