"""What the numbers of the answer do not show, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from analysis import text
from analysis.confirmation import TEST, Configuration
from analysis.sections.bands import Band, dense_arm
from analysis.sections.base import Material
from analysis.sections.versus import ALPHA, Power
from analysis.stats import smallest_p


def caveats(
    material: Material, head: Band, bands: Sequence[Band], samples: int, tested: Power | None
) -> list[str]:
    """How the winner of the headline was chosen, what its intervals cover and its tests can show."""
    study, outcome = material.study, material.outcome
    if head.confirmed is not None:
        notes = _confirmed(material, head, head.confirmed, samples)
    else:
        notes = _measured(material, head)
    if tested is not None:
        notes.append(_tests(tested))
    notes += _unconfirmed(material, bands)
    waiting = [part for part in outcome.configurations if not len(part.runs)]
    if waiting:
        chosen = text.count(len(outcome.configurations), "configuration")
        notes.append(f"Of {chosen} to be confirmed, {len(waiting)} have no completed fresh run.")
    if study.models.empty:
        notes.append(
            "Test accuracy: none yet. It is read once, after every choice has been made (models/index.json)."
        )
    else:
        notes.append(
            "The test split is read once; it played no part in the search or in any choice made here."
        )
    if not samples:
        notes.append("The number of samples of the split is unknown: no intervals over them.")
    if dense_arm(outcome) is None:
        notes.append("There is no completed dense reference arm to compare with.")
    return notes


def _confirmed(material: Material, head: Band, best: Configuration, samples: int) -> list[str]:
    study, n = material.study, head.accuracy.n
    label, luck = study.label(study.accuracy).lower(), best.optimism(study.accuracy)
    notes = [
        f"The headline is the mean of {text.count(n, 'training')} with fresh seeds "
        f"(n{text.NBSP}={text.NBSP}{n}). The search's own training of trial {best.number}, for which it was "
        f"chosen, is not in it: {text.percent(best.row[study.accuracy])}, {_luck(luck)}."
    ]
    if best.ended > n:
        missing = text.count(best.ended - n, "fresh run")
        notes.append(f"{missing} of the winner ended without values and {_are(best.ended - n)} in no mean.")
    others = text.count(head.candidates, "confirmed configuration")
    notes.append(
        f"The winner was chosen among {others} of this sparsity by mean {label}, so that mean is still a "
        "little lucky; test accuracy is free of the luck of the validation samples."
    )
    drawn = f"the {text.count(samples, 'sample')}" if samples else "the samples"
    notes.append(
        "Intervals over seeds are Student's t; they cover the luck of the training, not the drawing of "
        f"{drawn} that every run shares. Differences are taken between runs of the same seed."
    )
    if study.models.empty or not len(study.models[TEST].dropna()):
        return notes
    if head.test.n < n:
        notes.append(f"Test accuracy was read for {head.test.n} of the winner's {text.count(n, 'run')}.")
    return notes


def _unconfirmed(material: Material, bands: Sequence[Band]) -> list[str]:
    """Trials that promise more than the best confirmed mean and were not trained again."""
    outcome, told = material.outcome, []
    known = [part.number for part in outcome.configurations]
    rows = outcome.of("front", "dominated")
    for entry in (entry for entry in bands if entry.confirmed is not None):
        more = rows[(rows[outcome.sparsity] >= entry.least) & ~rows["number"].isin(known)]
        more = more[more[outcome.accuracy] > entry.accuracy.value]
        if len(more):
            best = more.sort_values([outcome.accuracy, "number"], ascending=[False, True]).iloc[0]
            told.append(
                f"{text.percent(entry.least, 0)}: trial {int(best['number'])} with "
                f"{text.percent(best[outcome.accuracy])}"
            )
    if not told:
        return []
    return [
        "One training promised more than the best confirmed mean and was not trained again "
        f"({'; '.join(told)}); what is called best here has held with fresh seeds."
    ]


def _tests(tested: Power) -> str:
    """What the permutation tests found, or why they cannot find anything."""
    tests = text.count(tested.tests, "comparison")
    start = f"Tests (two-sided, exact paired permutation, Holm over {tests} with the named schedules): "
    if tested.least >= ALPHA:
        return (
            f"{start}{text.count(tested.pairs, 'seed')} are too few for any significance at {ALPHA:g}. The "
            f"smallest p that they allow is {text.number(smallest_p(tested.pairs))} for one comparison and "
            f"{text.number(tested.least)} after the correction; {tested.needed} seeds would be enough. What "
            "the intervals say rests on differences that are about normal."
        )
    return (
        f"{start}{tested.found} of {tests} {_are(tested.found)} significant at {ALPHA:g}; the p-values are "
        "in the data of the figure."
    )


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _luck(optimism: float) -> str:
    if not text.finite(optimism):
        return "its difference from the mean is unknown"
    far = text.points(abs(optimism)).lstrip("+")
    return f"{far} points {'above' if optimism >= 0 else 'below'} the mean"


def _measured(material: Material, head: Band) -> list[str]:
    if head.best is None:
        return []
    searched = material.outcome.searched
    seeds = searched["seed"].nunique()
    again = searched[searched["replicate_of"] == head.best["number"]]
    times = text.count(1 + len(again), "time") if len(again) else "once"
    lucky = "" if len(again) else f" (n{text.NBSP}={text.NBSP}1: its rank may be a lucky draw)"
    notes = [
        f"The winner was trained {times}{lucky} and chosen among "
        f"{text.count(len(searched), 'completed search trial')} "
        f"({text.count(int(seeds), 'seed')} in all) by the same accuracy that is shown, so that accuracy "
        "is optimistic. The interval covers the drawing of the samples, not the luck of the training."
    ]
    if any(len(part.runs) for part in material.outcome.configurations):
        notes.append("No configuration of this sparsity was confirmed with fresh seeds; others were.")
    return notes
