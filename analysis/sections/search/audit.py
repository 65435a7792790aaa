"""What the rule that stopped trials early has done, and what the audit of it found."""

from __future__ import annotations

from analysis import stats, text
from analysis.records import mapping
from analysis.sections.base import Cell, Column, Material, Table
from analysis.sections.cells import schedule


def audit(material: Material) -> tuple[list[Table], list[str]]:
    """The table of the audit and one note, or the note that says why there is none."""
    study = material.study
    rows = material.outcome.trials
    rows = rows[rows["kind"] == "search"]
    stopped = int((rows["outcome"] == "stopped").sum())
    told = study.part("stopping")
    rule = told.get("rule") or mapping(mapping(study.part("spec")).get("stopping")).get("stop_rule")
    if rule in (None, "none"):
        safety = f"; {text.count(stopped, 'trial')} ended early by the safety stops" if stopped else ""
        which = "no rule that compares trials was on" if rule else "study.json names no stopping rule"
        return [], [f"Stopping: {which}, so nothing was to be audited{safety}."]
    name = text.short(rule, 40)
    counts = [told.get(key) for key in ("stopped", "audited", "false_stops")]
    if not all(type(count) is int and count >= 0 for count in counts):
        when = (
            "is made when the study ends" if study.info.get("state") == "running" else "is not in study.json"
        )
        n = text.count(stopped, "search trial")
        return [], [f"Stopping: the rule {name} was on and {n} were stopped; its audit {when}."]
    return _tables(material, name, stopped), [_note(material, name)]


def _rate(told: dict[str, object]) -> stats.Estimate:
    audited, wrong = int(str(told["audited"])), int(str(told["false_stops"]))
    return stats.wilson(wrong / audited if audited else float("nan"), audited)


def _note(material: Material, name: str) -> str:
    told = material.study.part("stopping")
    audited, wrong = int(told["audited"]), int(told["false_stops"])
    sentence = (
        f"Stopping: the rule {name} stopped {text.count(told['stopped'], 'search trial')} and saved "
        f"{text.percent(told.get('epochs_saved_share'))} of the search's planned epochs"
    )
    if not audited:
        return f"{sentence}; none of the trials that it chose was let run on, so nobody knows what it cost."
    rate = _rate(told)
    return (
        f"{sentence}. Of {text.count(audited, 'trial')} that it would have stopped and that ran on, {wrong} "
        f"ended within the noise of the front: a false-stop rate of "
        f"{text.estimate(rate.value, rate.low, rate.high)} (95{text.NBSP}% Wilson interval, n = {audited})."
    )


def _tables(material: Material, name: str, stopped: int) -> list[Table]:
    told, n = material.study.part("stopping"), material.outcome.trials["kind"].eq("search").sum()
    rate, safety = _rate(told), max(0, stopped - int(told["stopped"]))
    facts = [
        ("Rule", name),
        ("Search trials that ended", text.number(int(n))),
        ("Stopped by the rule", text.number(told["stopped"])),
        ("Stopped for safety (silent or collapsed)", text.number(safety)),
        ("Audited: would have been stopped, ran on", text.number(told["audited"])),
        ("of these within the noise of the front (false stops)", text.number(told["false_stops"])),
        ("of these on the front", text.number(told.get("on_front"))),
        (f"False-stop rate, 95{text.NBSP}% interval", text.estimate(rate.value, rate.low, rate.high)),
        ("Hypervolume lost without the audited trials", text.percent(told.get("hypervolume_lost"), 2)),
        ("Rank correlation, at the verdict and at the end", text.number(told.get("rank_correlation"), 2)),
        ("Epochs saved", text.number(told.get("epochs_saved"))),
        ("Share of the planned epochs saved", text.percent(told.get("epochs_saved_share"))),
    ]
    caption = (
        "Audit of early stopping. Rank correlation: Kendall's tau-b of non-domination ranks, mean over the "
        "verdicts. A false stop: one standard deviation better, no result would dominate it."
    )
    table = Table(
        [Column("Stopping", False), Column("Value")], [[Cell(a), Cell(b)] for a, b in facts], caption
    )
    cases = told.get("cases")
    listed = [case for case in cases if isinstance(case, dict)] if isinstance(cases, list) else []
    return [table, _cases(material, listed)] if listed else [table]


def _cases(material: Material, cases: list[dict[str, object]]) -> Table:
    """Every audited trial, with what became of it."""
    rows_of = {row["number"]: row for row in material.outcome.trials.to_dict("records")}
    study, body = material.study, []
    for case in cases[:200]:
        row = rows_of.get(case.get("number"))
        if row is None:
            continue
        found = [Cell(text.by_unit(row[name], study.unit(name))) for name in study.objectives]
        number = int(row["number"])
        verdict = (
            "on the front" if case.get("on_front") else "near it" if case.get("near_front") else "behind"
        )
        head = [Cell(str(number), number, trial=number), schedule(row["scheduler"], material)]
        body.append([*head, Cell(text.number(case.get("epoch"))), *found, Cell(verdict)])
    columns = [Column("Trial"), Column("Schedule", False), Column("Verdict at epoch")]
    columns += [Column(study.label(name)) for name in study.objectives] + [Column("Ended", False)]
    return Table(columns, body, "The audited trials: when the rule would have stopped them, how they ended.")
