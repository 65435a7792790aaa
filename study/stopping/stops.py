"""All stops of one study: the safety stops always, and the rule that the spec chose, audited."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from study.spec import StudySpec
from study.stopping import RULES
from study.stopping.audit import Judge, Trial, audit
from study.stopping.protocol import Plan, Row, Setting
from study.stopping.safety import SafetyStop
from trainables.assembly import dataset
from trainables.config import TrainConfig


class Stops:
    """Fed every row of every searched trial, in the order of filing; replaying the rows rebuilds it."""

    def __init__(self, spec: StudySpec) -> None:
        self.spec = spec
        budget, n_val = spec.search, len(dataset(spec.train).val)
        margin = 2 * math.sqrt(spec.chance * (1 - spec.chance) / n_val)
        self._safety = SafetyStop(spec.chance, margin)
        setting = Setting(budget.objectives, n_val, budget.accuracy_floor, spec.stopping)
        rule = RULES[spec.stopping.stop_rule](setting)
        self._judge = Judge(rule, spec.stopping.stop_audit, budget.search_seed)
        self._plans: dict[int, Plan] = {}
        self._n_val = n_val

    def reason(self, number: int, config: TrainConfig, row: Row) -> str | None:
        """Why trial ``number`` should stop after this row, if it should."""
        plan = self._plans.get(number) or self._plans.setdefault(number, Plan.of(config))
        compared = self._judge.row(number, plan, row)
        return self._safety.reason(number, row, plan.final_threshold) or compared

    def end(self, number: int, row: Row, *, feasible: bool) -> None:
        """A trial's last row; ``feasible``: a complete result that keeps every constraint."""
        if self._plans.pop(number, None) is not None:  # reference arms and confirmations are not judged
            self._judge.ended(number, row, feasible)

    def audited(self, number: int) -> str | None:
        """Why the rule would have stopped a trial that was let run on."""
        verdict = self._judge.verdicts.get(number)
        return verdict.reason if verdict and verdict.audited else None

    def report(
        self,
        ended: Iterable[Mapping[str, Any]],
        epochs: Iterable[Row],
        feasible: set[int],
        reference: Mapping[str, float] | None,
    ) -> dict[str, Any] | None:
        """The audit of a study that has ended; None without a rule that compares."""
        if self.spec.stopping.stop_rule == "none" or reference is None:
            return None
        rows: dict[int, list[Row]] = {}
        for row in epochs:
            rows.setdefault(row["number"], []).append(row)
        trials = {
            line["number"]: Trial(rows[line["number"]], line["config"]["epochs"], line["number"] in feasible)
            for line in ended
            if line["kind"] == "search" and line["number"] in rows
        }
        verdicts = [verdict for number, verdict in self._judge.verdicts.items() if number in trials]
        names = self.spec.search.objectives
        return {"rule": self.spec.stopping.stop_rule} | audit(verdicts, trials, names, reference, self._n_val)
