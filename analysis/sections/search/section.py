"""The section: its one sentence, its figures in reading order, and what is missing for those that lack."""

from __future__ import annotations

import numpy as np

from analysis.figures.hypervolume import hypervolume_info
from analysis.figures.importance import importance_info
from analysis.figures.timeline import timeline_info
from analysis.sections.base import Material, Section
from analysis.sections.search import audit, closeups, decisive, growth, slots

TITLE = "Search"


def search(material: Material) -> Section:
    """Hypervolume, importances, slices, parallel coordinates, the audit of the stops, the time line."""
    study, outcome = material.study, material.outcome
    if not (outcome.trials["kind"] == "search").any():
        needs = "at least one ended trial of the search; reference arms alone are no search"
        return Section("search", TITLE, "No search trial has ended yet (n = 0).", missing=needs)
    seed = study.info.get("seed")
    rng = np.random.default_rng(abs(seed) if isinstance(seed, int) else 0)
    history = hypervolume_info(study, outcome)
    importance = importance_info(study, outcome, rng)
    times = timeline_info(study, outcome)
    clauses = [growth.finding(history), decisive.finding(importance)]
    clauses += [slots.finding(times)] if times else ["when its trials ran is not known"]
    parts = (
        (growth.growth(history, material), "The hypervolume", growth.NEEDS),
        (decisive.decisive(importance), "Importances", decisive.NEEDS),
        (closeups.slices(importance, material), "Slices and parallel coordinates", closeups.NEEDS),
        (closeups.parallel(importance, material), "", ""),
        (slots.slots(times, material) if times else None, "The time line", slots.NEEDS),
    )
    tables, notes = audit.audit(material)
    tables += [slots.account(times)] if times else []
    notes = decisive.notes(importance) + notes + (slots.notes(times, material) if times else [])
    notes += [f"{what} would need {needs}." for picture, what, needs in parts if picture is None and what]
    return Section(
        "search",
        TITLE,
        "; ".join(clauses) + ".",
        pictures=[picture for picture, _, _ in parts if picture is not None],
        tables=tables,
        notes=notes,
    )
