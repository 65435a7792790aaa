"""The sentences of the answer: what was found, against what, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

from analysis import text, theme
from analysis.sections.answer_table import Row
from analysis.sections.bands import Band, dense_arm
from analysis.sections.base import Material
from analysis.sections.cells import window
from analysis.sections.versus import Versus
from analysis.stats import Estimate


def claim(material: Material, head: Row, wanted: float) -> str:
    """The finding. `head`: band and comparisons that it speaks of; `wanted`: the sparsity that it should."""
    entry, others = head
    study, outcome = material.study, material.outcome
    feasible = outcome.of("front", "dominated")[outcome.sparsity]
    tried = text.count(len(outcome.searched), "completed search trial")
    floor = text.percent(study.floor, 0)
    if entry.best is None:
        most = "no trial reached" if feasible.empty else f"{text.percent(feasible.max())} is the most with"
        return (
            f"None of {tried} reached {text.percent(wanted, 0)} sparsity with an accuracy that counts: "
            f"{most} the floor of {floor} accuracy."
        )
    sentences = [_found(material, entry), _rivals(others)]
    if entry.least != wanted:
        sentences.append(
            f"None of {tried} reached {text.percent(wanted, 0)} sparsity above the floor of {floor} "
            f"accuracy; the sparsest has {text.percent(feasible.max())}."
        )
    return " ".join(part for part in [*sentences, _test(material, entry), _front(material)] if part)


def _found(material: Material, entry: Band) -> str:
    study, best = material.study, entry.best
    assert best is not None
    ratio = best["threshold_ratio"]
    with_d = f" with final threshold {text.RATIO} = {text.number(ratio)}" if text.finite(ratio) else ""
    grown = f" grown over {window(best)} of the training" if window(best) else ""
    kept = text.percent(1 - entry.sparsity.value)
    unit = "synapses" if "synapses" in study.sparsity else "weights"
    if entry.confirmed is not None:
        n = entry.accuracy.n
        sure = f"mean of {text.count(n, 'fresh seed')}{_interval(entry.accuracy)}"
        chosen = text.count(entry.candidates, "confirmed configuration")
    else:
        sure = f"one training{_interval(entry.accuracy)}"
        if text.finite(entry.accuracy.low):
            sure += f" over n{text.NBSP}={text.NBSP}{text.count(entry.accuracy.n, 'sample')}"
        chosen = text.count(entry.candidates, "feasible search trial")
    sentence = (
        f"At {text.percent(entry.least, 0)} sparsity or more, "
        f"{text.short(material.styles[best['scheduler']].label, 40)}{grown}{with_d} keeps "
        f"{text.percent(entry.accuracy.value)} {study.label(study.accuracy).lower()} ({sure}) with {kept} of "
        f"the {unit}"
    )
    dense, who = dense_arm(material.outcome), f" It is the best of {chosen} (trial {int(best['number'])})."
    if dense is None:
        return f"{sentence}.{who}"
    sentence += f", {_away(entry.gap)} the dense network"
    if text.finite(entry.gap.low):
        pairs = text.count(entry.gap.n, "seed")
        return f"{sentence} (paired over {pairs}{_interval(entry.gap, points=True)}).{who}"
    return f"{sentence} ({text.percent(dense[study.accuracy])}).{who}"


def _rivals(others: Sequence[Versus]) -> str:
    """Leads over the named schedules: paired by seed, then of single trainings; and which are not there."""
    met = [one for one in others if one.row is not None and text.finite(one.gain.value)]
    paired = [one for one in met if text.finite(one.gain.low)]
    single = [f"{_away(one.gain)} {_name(one)}" for one in met if not text.finite(one.gain.low)]
    absent = [theme.label(one.name) for one in others if one.row is None and not one.own]
    sentences = []
    if paired:
        n = sorted({one.gain.n for one in paired})
        seeds = f"{n[0]} to {n[-1]} seeds" if len(n) > 1 else text.count(n[0], "seed")
        clauses = text.listing([f"{_away(one.gain)} {_name(one)} ({_how(one)})" for one in paired])
        sentences.append(f"Paired over {seeds}, it lies {clauses}.")
    if single:
        sentences.append(f"By single trainings{' alone' if paired else ''}, it lies {text.listing(single)}.")
    if absent:
        sentences.append(f"No {' or '.join(absent)} was as sparse.")
    return " ".join(sentences)


def _name(one: Versus) -> str:
    assert one.row is not None
    name = theme.label(one.name)
    return f"the {name} arm" if one.row["kind"] == "reference" else f"the searched {name}"


def _how(one: Versus) -> str:
    ends = f"95{text.NBSP}% interval {text.points(one.gain.low)} to {text.points(one.gain.high)}"
    return ends + (", so possibly none" if one.gain.low <= 0 <= one.gain.high else "")


def _away(difference: Estimate) -> str:
    far = text.points(abs(difference.value)).lstrip("+")
    if not float(far):
        return "level with"
    return f"{far} points {'below' if difference.value < 0 else 'above'}"


def _interval(measured: Estimate, points: bool = False) -> str:
    """', 95 % interval 91.1 to 94.9 %', or in points with signs; nothing where there is none."""
    if not text.finite(measured.low):
        return ""
    ends = f"{100 * measured.low:.1f} to {text.percent(measured.high)}"
    if points:
        ends = f"{text.points(measured.low)} to {text.points(measured.high)}"
    return f", 95{text.NBSP}% interval {ends}"


def _test(material: Material, entry: Band) -> str:
    if not text.finite(entry.test.value) or material.study.accuracy.endswith("_test"):
        return ""
    whose = "Its test accuracy is"
    if entry.confirmed is not None:
        n = entry.test.n
        whose = f"Test accuracy of {'the same' if n == entry.accuracy.n else f'{n} of these'} runs:"
    return f"{whose} {text.percent(entry.test.value)}{_interval(entry.test)}."


def _front(material: Material) -> str:
    """The confirmed front from its most accurate to its sparsest mean."""
    study, outcome = material.study, material.outcome
    parts = [part for part in outcome.configurations if part.number in outcome.confirmed_front]
    if len(parts) < 2:
        return ""
    ends = [
        f"{text.percent(part.mean(study.accuracy).value)} accuracy at "
        f"{text.percent(part.mean(study.sparsity).value)} sparsity"
        for part in (parts[0], parts[-1])
    ]
    return f"The confirmed front: {text.count(len(parts), 'configuration')}, from {ends[0]} to {ends[1]}."
