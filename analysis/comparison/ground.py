"""Common ground: what studies must share to be laid beside each other, and what the reader must be warned of.

Refused is what no reader should see in one plot: other data, another network (its sparsity is of other
weights), accuracies or sparsities that measure different things. The rest is brought to one measure or said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis import text
from analysis.records import Record, StudyError, mapping
from analysis.results import Study

Named = tuple[str, Study]
# What a table of foreign results calls its columns: no split, no kind of sparsity.
_PLAIN = {"accuracy", "sparsity"}


def common_ground(studies: Sequence[Named]) -> tuple[list[Study], tuple[str, ...]]:
    """The studies by one accuracy, one sparsity, one reference point and one floor, and the warnings.

    Two objectives remain: a third one is warned of. The reference point is the worst of all, the floor the
    highest. Raises `StudyError` with every reason against the comparison in one message.
    """
    problems, warnings, unknown = _same(studies)
    accuracy, sparsity = (_metric(studies, name) for name in ("accuracy", "sparsity"))
    for kind, metric in (("accuracy", accuracy), ("sparsity", sparsity)):
        for label, study in studies:
            own = getattr(study, kind)
            if own == metric:
                continue
            if own in _PLAIN:
                unknown[label].append(f"what its {kind} measures (taken for {metric})")
            elif _has(study, metric):
                warnings.append(
                    f"{label} was searched for {own}; it is compared by {metric}, which it did not seek."
                )
            else:
                problems.append(
                    f"{label} has {own} and no {metric}: the two measure different things. Compare it with a "
                    f"study that has {own}"
                )
    for label, words in unknown.items():
        if words:
            warnings.append(
                f"{label} does not record {text.listing(words)}. That it is the same is yours to vouch for."
            )
    if problems:
        raise StudyError(f"These studies cannot be compared: {'; '.join(problems)}.")
    worst = {
        name: min(point.get(name, 0.0) for point in _points(studies, accuracy, sparsity) or [{}])
        for name in (accuracy, sparsity)
    }
    floor = max(study.floor for _, study in studies)
    if len({tuple(point.values()) for point in _points(studies, accuracy, sparsity)}) > 1:
        shown = ", ".join(text.percent(value) for value in worst.values())
        warnings.append(f"The reference points differ; hypervolumes are over the worst of them ({shown}).")
    warnings += _remaining(studies, floor)
    described = {
        name: next((found for _, study in studies if (found := mapping(study.part("metrics").get(name)))), {})
        for name in (accuracy, sparsity)
    }
    ground = {"objectives": [accuracy, sparsity], "reference_point": worst, "accuracy_floor": floor}
    return [_moved(study, accuracy, sparsity, described, ground) for _, study in studies], tuple(warnings)


def _moved(study: Study, accuracy: str, sparsity: str, described: Record, ground: Record) -> Study:
    """The study on the common ground: two objectives under their common names, both maximised."""
    trials = study.trials
    for kind, name in (("accuracy", accuracy), ("sparsity", sparsity)):
        own = _own(study, name, kind)
        trials = trials.assign(**{name: trials[own].to_numpy(dtype=float)})
    fractions = {name: {**described[name], "unit": "fraction", "direction": "maximize"} for name in described}
    metrics = {**study.part("metrics"), **fractions}
    return replace(study, info=study.info | ground | {"metrics": metrics}, trials=trials)


def _own(study: Study, metric: str, kind: str) -> str:
    """The study's column that holds the common metric."""
    own = str(getattr(study, kind))
    return own if own in _PLAIN else metric


def _metric(studies: Sequence[Named], kind: str) -> str:
    """The first study's metric that says what it measures; the plain word where none does."""
    own = [str(getattr(study, kind)) for _, study in studies]
    return next((name for name in own if name not in _PLAIN), own[0])


def _has(study: Study, metric: str) -> bool:
    return metric in study.trials and bool(np.isfinite(study.trials[metric].to_numpy(dtype=float)).any())


def _points(studies: Sequence[Named], accuracy: str, sparsity: str) -> list[dict[str, float]]:
    """The reference points that are recorded, by common metric."""
    pairs = (("accuracy", accuracy), ("sparsity", sparsity))
    return [
        {name: study.worst(_own(study, name, kind)) for kind, name in pairs}
        for _, study in studies
        if study.part("reference_point")
    ]


def _same(studies: Sequence[Named]) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """Reasons against the comparison, warnings, and what a study does not record, of data and network."""
    problems, warnings = [], []
    unknown: dict[str, list[str]] = {label: [] for label, _ in studies}
    for part, key, words in (
        ("data", "name", "data set"),
        ("data", "classes", "number of classes"),
        ("network", "name", "network"),
        ("network", "prunable_weights", "number of prunable weights"),
        ("network", "synapses", "number of synapses"),
    ):
        given = {label: study.part(part).get(key) for label, study in studies}
        known = {label: value for label, value in given.items() if value not in (None, "")}
        if len({str(value) for value in known.values()}) > 1:
            problems.append(f"the {words} differs ({_listed(known)})")
        elif key == "name":
            for label in given.keys() - known.keys():
                unknown[label].append(f"its {words}")
    sizes = {label: study.part("data") for label, study in studies}
    for split in ("train", "val", "test"):
        known = {label: data[split] for label, data in sizes.items() if data.get(split)}
        if len(set(map(str, known.values()))) > 1:
            warnings.append(
                f"The {split} splits differ in size ({_listed(known)}): accuracies are of other samples."
            )
    return problems, warnings, unknown


def _remaining(studies: Sequence[Named], floor: float) -> list[str]:
    """What was brought to one measure, and what still differs between the studies."""
    warnings = []
    floors = {study.floor for _, study in studies if study.info.get("accuracy_floor") is not None}
    if len(floors) > 1:
        warnings.append(f"The accuracy floors differ; the highest, {text.percent(floor)}, holds for all.")
    sought = {
        label: ", ".join(study.objectives) for label, study in studies if not _PLAIN & {*study.objectives}
    }
    if len({frozenset(names.split(", ")) for names in sought.values()}) > 1:
        warnings.append(
            f"They were searched for different objectives ({_listed(sought)}); two are compared here."
        )
    elif any(len(study.objectives) > 2 for _, study in studies):
        warnings.append("More objectives were searched for; only accuracy and sparsity are compared here.")
    for key, words in (
        ("epochs", "epochs"),
        ("timesteps", "time steps"),
        ("network_args", "network arguments"),
    ):
        told = {label: train[key] for label, study in studies if key in (train := _training(study))}
        if len({str(value) for value in told.values()}) > 1:
            warnings.append(f"The trainings differ in {words} ({_listed(told)}).")
    states = {label: str(study.info["state"]) for label, study in studies if study.info.get("state")}
    unfinished = {label: state for label, state in states.items() if state != "complete"}
    if unfinished:
        warnings.append(
            f"Not every study is complete ({_listed(unfinished)}): what it found so far is compared."
        )
    return warnings


def _training(study: Study) -> Record:
    spec = study.part("spec")
    return mapping(spec.get("train") or spec.get("training"))


def _listed(values: Record) -> str:
    return ", ".join(f"{label}: {text.short(value, 60)}" for label, value in values.items())
