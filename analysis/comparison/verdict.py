"""The comparison's answer: the best of each study at 90 % sparsity, the difference, the warnings."""

from __future__ import annotations

from analysis import text
from analysis.comparison.cells import NONE, TESTED, accuracy, contest_cells, probability, study, word
from analysis.comparison.contests import VOLUME, Contest, Results
from analysis.comparison.rivals import Contender, Field
from analysis.replicates import SINGLE
from analysis.sections.bands import BANDS
from analysis.sections.base import Cell, Column, Section, Table
from analysis.sections.cells import estimate, value

HEADLINE = 0.90
TITLE = "The comparison"


def verdict(field: Field, results: Results) -> Section:
    """One sentence for each of up to three others, then the best of every sparsity band."""
    least = next((band for band in (HEADLINE, *BANDS) if any(results.contenders[band].values())), None)
    if least is None:
        none = f"No study has a configuration that counts at {text.percent(BANDS[0], 0)} sparsity or more."
        return _section(field, results, none)
    sentences = [_opening(field, results, least)]
    sentences += [_against(field, results, least, rival.label) for rival in field.rivals[1:4]]
    if len(field.rivals) > 4:
        sentences.append("The table has the others.")
    finding = " ".join(sentence for sentence in sentences if sentence)
    return _section(field, results, finding)


def _section(field: Field, results: Results, finding: str) -> Section:
    tables, notes = [_table(field, results)], _notes(field, results)
    return Section("comparison", TITLE, finding, notes, tables=tables, warnings=field.warnings)


def _opening(field: Field, results: Results, least: float) -> str:
    found = results.contenders[least]
    able = [rival for rival in field.rivals if found[rival.label] is not None]
    able.sort(key=lambda rival: -_known(found[rival.label]).accuracy.value)
    told = [f"{rival.label} {text.percent(_known(found[rival.label]).accuracy.value)}" for rival in able]
    unable = [rival.label for rival in field.rivals if found[rival.label] is None]
    n = {len(_known(found[rival.label]).runs) for rival in able}
    seeds = f"means of {text.count(next(iter(n)), 'seed')}" if len(n) == 1 else "means over seeds"
    measure = "single trainings, n = 1" if field.basis == SINGLE else seeds
    tail = f"; {text.listing(unable)} {'does' if len(unable) == 1 else 'do'} not get there" if unable else ""
    label = field.rivals[0].study.label(field.rivals[0].study.accuracy).lower()
    return (
        f"At {text.percent(least, 0)} sparsity or more the best {label} is, in order: {text.listing(told)} "
        f"({measure}){tail}."
    )


def _known(contender: Contender | None) -> Contender:
    assert contender is not None
    return contender


def _against(field: Field, results: Results, least: float, label: str) -> str:
    """The first study against another: difference, interval, test, effect; then hypervolume."""
    one, volume = results.contests.get((least, label)), results.contests[VOLUME, label]
    first = field.rivals[0].label
    if one is None:
        return ""
    sentence = f"{first} is {_far(one)} {label}{_test(one)}"
    if volume.tested:
        far = f"{abs(volume.difference.value):.3f} {'larger' if volume.difference.value >= 0 else 'smaller'}"
        zero = ", an interval that holds zero" if _holds_zero(volume) else ""
        sentence += f"; its hypervolume is {far}{zero}"
    return sentence + "."


def _far(one: Contest) -> str:
    far = text.points(abs(one.difference.value)).lstrip("+")
    if not float(far):
        return "level with"
    return f"{far} points {'below' if one.difference.value < 0 else 'above'}"


def _test(one: Contest) -> str:
    if not one.tested:
        return " (no test: too few runs)"
    low, high = text.points(one.difference.low), text.points(one.difference.high)
    how = f"paired over {text.count(one.pairs, 'seed')}" if one.pairs else "no common seeds, unpaired"
    zero = ", which holds zero" if _holds_zero(one) else ""
    return (
        f" ({how}, 95{text.NBSP}% interval {low} to {high} points{zero}; permutation "
        f"p = {probability(one.p)}, {probability(one.adjusted)} after Holm; "
        f"A12 = {one.effect.value:.2f}, {word(one)})"
    )


def _holds_zero(one: Contest) -> bool:
    return one.difference.low <= 0 <= one.difference.high


def _notes(field: Field, results: Results) -> list[str]:
    notes = [
        f"Differences are {field.rivals[0].label} minus the other study; p is before and after Holm. A12: "
        f"the chance that a run of {field.rivals[0].label} beats one of the other, 0.5 where "
        "nothing differs; its words are those of Cliff's delta."
    ]
    tests = results.tests
    if tests:
        least = min(one.smallest for one in tests)
        notes.append(
            f"Two-sided permutation tests of the means, {len(tests)} of them, corrected together (Holm). The "
            f"smallest p that so few runs can show is {least:.3g} before the correction and "
            f"{min(1.0, least * len(tests)):.3g} after it: "
            + (
                "no difference, however large, could come out below 0.05; read the intervals and effect "
                "sizes."
                if least * len(tests) > 0.05
                else "a large p is no proof that nothing differs."
            )
        )
        notes.append(
            "Intervals are Student's t over seeds, of differences paired by seed where both studies have it "
            "(Welch's where not). They cover the luck of the training, not the choice among "
            "configurations, nor "
            "the drawing of the samples that all runs share."
        )
    counts = text.listing([_among(results, rival.label) for rival in field.rivals])
    notes.append(
        "Each study's best was chosen among its own configurations by the accuracy that is shown; the more "
        "it "
        f"chose from, the luckier (from {text.percent(BANDS[0], 0)} sparsity on: {counts}). Test accuracy "
        "played no part in a choice."
    )
    return notes


def _among(results: Results, label: str) -> str:
    found = results.contenders[BANDS[0]][label]
    return f"{label} {found.among if found is not None else 0}"


def _table(field: Field, results: Results) -> Table:
    rival = field.rivals[0]
    known = [one for row in results.contenders.values() for one in row.values() if one is not None]
    tests = any(text.finite(one.test.value) for one in known)
    columns = [Column("Sparsity at least"), Column("Study", False), Column("Best configuration", False)]
    columns += [Column("Seeds"), Column("Sparsity")]
    columns += [Column(rival.study.label(rival.study.accuracy))]
    columns += [*([Column("Test accuracy")] if tests else []), *TESTED]
    rows = [
        [
            Cell(text.percent(least, 0), least), study(rival),
            *_contender(results.contenders[least][rival.label], tests),
            *contest_cells(results.contests.get((least, rival.label))),
        ]
        for least in BANDS
        for rival in field.rivals
    ]  # fmt: skip
    return Table(
        columns, rows, f"The best of each study by sparsity; brackets hold 95{text.NBSP}% intervals."
    )


def _contender(contender: Contender | None, tests: bool) -> list[Cell]:
    if contender is None:
        return [Cell("none"), *[NONE] * (4 if tests else 3)]
    number = "" if contender.number is None else f" (trial {contender.number})"
    cells = [
        Cell(f"{contender.name}{number}", contender.number), value(len(contender.runs)),
        value(contender.sparsity, "fraction"), Cell(accuracy(contender), contender.accuracy.value),
    ]  # fmt: skip
    return [*cells, estimate(contender.test)] if tests else cells
