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
    problems, warnings = _same(studies)
    accuracy, sparsity = (_metric(studies, name) for name in ("accuracy", "sparsity"))
    for kind, metric in (("accuracy", accuracy), ("sparsity", sparsity)):
        for label, study in studies:
            own = getattr(study, kind)
            if own == metric:
                continue
            if own in _PLAIN:
                warnings.append(
                    f"{label} does not say what its {kind} measures; it is taken for {metric}. "
                    "That is yours to vouch for."
                )
            elif _has(study, metric):
                warnings.append(
                    f"{label} was searched for {own}; it is compared by {metric}, which it did not seek."
                )
            else:
                problems.append(
                    f"{label} has {own} and no {metric}: the two measure different things. Compare it with a "
                    f"study that has {own}"
                )
    if problems:
        raise StudyError(f"These studies cannot be compared: {'; '.join(problems)}.")
    worst = {name: min(study.worst(_own(study, name, kind)) for _, study in studies)
             for kind, name in (("accuracy", accuracy), ("sparsity", sparsity))}  # fmt: skip
    floor = max(study.floor for _, study in studies)
    warnings += _measures(studies, worst, floor, (accuracy, sparsity))
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


def _same(studies: Sequence[Named]) -> tuple[list[str], list[str]]:
    """Reasons against the comparison, and warnings, from what study.json says of data and network."""
    problems, warnings = [], []
    for part, key, words in (
        ("data", "name", "the data set"),
        ("data", "classes", "the number of classes"),
        ("network", "name", "the network"),
        ("network", "prunable_weights", "the number of prunable weights"),
        ("network", "synapses", "the number of synapses"),
    ):
        given = {label: study.part(part).get(key) for label, study in studies}
        known = {label: value for label, value in given.items() if value not in (None, "")}
        if len({str(value) for value in known.values()}) > 1:
            problems.append(f"{words} differs ({_listed(known)})")
        elif key == "name" and len(known) < len(given):
            unknown = text.listing([label for label in given if label not in known])
            warnings.append(f"{unknown}: {words} is not recorded. That it is the same is yours to vouch for.")
    sizes = {label: study.part("data") for label, study in studies}
    for split in ("train", "val", "test"):
        known = {label: data[split] for label, data in sizes.items() if data.get(split)}
        if len(set(map(str, known.values()))) > 1:
            warnings.append(
                f"The {split} splits differ in size ({_listed(known)}): accuracies are of other samples."
            )
    return problems, warnings


def _measures(studies: Sequence[Named], worst: Record, floor: float, metrics: tuple[str, str]) -> list[str]:
    """What was brought to one measure, and what still differs between the studies."""
    warnings = []
    pairs = tuple(zip(("accuracy", "sparsity"), metrics, strict=True))
    points = [tuple(study.worst(_own(study, name, kind)) for kind, name in pairs) for _, study in studies]
    if len(set(points)) > 1:
        shown = ", ".join(text.percent(value) for value in worst.values())
        warnings.append(f"The reference points differ; hypervolumes are over the worst of them ({shown}).")
    if len({study.floor for _, study in studies}) > 1:
        warnings.append(f"The accuracy floors differ; the highest, {text.percent(floor)}, holds for all.")
    sought = {label: ", ".join(study.objectives) for label, study in studies}
    if len({frozenset(study.objectives) for _, study in studies}) > 1:
        warnings.append(
            f"They were searched for different objectives ({_listed(sought)}); two are compared here."
        )
    elif len(studies[0][1].objectives) > 2:
        warnings.append(
            "They were searched for three objectives; only accuracy and sparsity are compared here."
        )
    for key, words in (
        ("epochs", "epochs"),
        ("timesteps", "time steps"),
        ("network_args", "network arguments"),
    ):
        told = {label: train[key] for label, study in studies if key in (train := _training(study))}
        if len({str(value) for value in told.values()}) > 1:
            warnings.append(f"The trainings differ in {words} ({_listed(told)}).")
    states = {label: str(study.info.get("state", "unknown")) for label, study in studies}
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
