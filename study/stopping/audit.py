"""The audit: some of the trials that a rule would stop run on, to see what the rule costs.

``Judge`` stands between a study and its rule; ``audit`` makes the report from what the study has filed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from study.front import hypervolume
from study.stopping.cohort import is_quality
from study.stopping.measures import kendall_tau, wilson
from study.stopping.noise import LEVEL_SD, quality_sd
from study.stopping.protocol import Floats, Plan, Row, Rule, oriented
from study.stopping.ranking import maximised, ranks
from trainables.metrics import METRICS


@dataclass(frozen=True)
class Verdict:
    """A rule wanted to stop a trial after ``epoch``; ``audited``: it runs on all the same."""

    number: int
    epoch: int
    reason: str
    audited: bool

    def line(self) -> dict[str, Any]:
        """As plain data, for files."""
        return asdict(self)


class Judge:
    """Asks the rule about every row and lets a share of the sentenced trials go on.

    ``share``: ``stop_audit``; ``seed``: ``search_seed``. Whether a trial is audited is drawn from (seed,
    number) alone, so it is the same whenever and however often the study is resumed. Searched trials only:
    reference arms and confirmation runs are never shown to a judge.
    """

    def __init__(self, rule: Rule, share: float, seed: int) -> None:
        self.rule, self.share, self.seed = rule, share, seed
        self.verdicts: dict[int, Verdict] = {}

    def audited(self, number: int) -> bool:
        """Whether this trial would run on."""
        return bool(np.random.default_rng([self.seed, number]).random() < self.share)

    def row(self, number: int, plan: Plan, row: Row) -> str | None:
        """Take in a row, in the order of filing; why the trial must stop now, or None."""
        self.rule.observe(number, plan, row)
        if number not in self.verdicts:
            reason = self.rule.reason(number, row)
            if reason is None:
                return None
            self.verdicts[number] = Verdict(number, row["epoch"], reason, self.audited(number))
        verdict = self.verdicts[number]
        return None if verdict.audited else verdict.reason

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """The trial's last row; ``complete``: a feasible result."""
        self.rule.ended(number, row, complete)


@dataclass(frozen=True)
class Trial:
    """A searched trial as filed: rows in order, planned epochs, whether it ended with a feasible result."""

    rows: Sequence[Row]
    epochs: int
    complete: bool


def audit(
    verdicts: Iterable[Verdict],
    trials: Mapping[int, Trial],
    objectives: tuple[str, ...],
    reference: Mapping[str, float],
    n_val: int,
) -> dict[str, Any]:
    """What a rule did and what it cost, as plain data (None where there is nothing to say).

    ``stopped``, ``audited``: trials that the rule ended, and that it would have ended. ``false_stops``: of
    the audited ones, those that ended within the noise of the final front (one standard deviation better,
    no result would dominate them), with their rate and its 95 % Wilson interval; ``on_front``: those that
    are members of it. ``hypervolume_lost``: relative, by taking the audited trials' results away.
    ``rank_correlation``: Kendall's tau-b between the non-domination ranks at the epoch of a verdict and at
    the end, over all trials with a feasible end, averaged over the verdicts. ``epochs_saved`` and their
    share of all planned epochs. ``cases``: the audited trials by number, the epoch of the verdict, whether
    they ended near the front (a false stop) and on it. ``reference``: the hypervolume's reference point, by
    objective.
    """
    given = list(verdicts)
    results = {
        number: oriented(trial.rows[-1], objectives) for number, trial in trials.items() if trial.complete
    }
    ends = {number: values for number, values in results.items() if values is not None}
    checked = [verdict.number for verdict in given if verdict.audited]
    stopped = [verdict for verdict in given if not verdict.audited]
    corner = oriented(reference, objectives)
    if corner is None:
        raise ValueError(
            f"reference {dict(reference)} lacks a finite value of one of {', '.join(objectives)}"
        )
    near = [number for number in checked if number in ends and _near_front(number, ends, objectives, n_val)]
    on_front = [
        number for number in checked if number in ends and _near_front(number, ends, objectives, None)
    ]
    saved = sum(trials[verdict.number].epochs - verdict.epoch for verdict in stopped)
    planned = sum(trial.epochs for trial in trials.values())
    return {
        "stopped": len(stopped),
        "audited": len(checked),
        "false_stops": len(near),
        "false_stop_rate": len(near) / len(checked) if checked else None,
        "false_stop_interval": list(wilson(len(near), len(checked))),
        "on_front": len(on_front),
        "hypervolume_lost": _lost(ends, set(checked), corner) if checked else None,
        "rank_correlation": _rank_correlation(given, trials, ends, objectives),
        "epochs_saved": saved,
        "epochs_saved_share": saved / planned if planned else None,
        "cases": [
            {
                "number": verdict.number,
                "epoch": verdict.epoch,
                "near_front": verdict.number in near,
                "on_front": verdict.number in on_front,
            }
            for verdict in sorted(given, key=lambda one: one.number)
            if verdict.audited
        ],
    }


def _near_front(
    number: int, ends: Mapping[int, Floats], objectives: tuple[str, ...], n_val: int | None
) -> bool:
    """Whether a result would be on the front if it were one standard deviation better (0 without n_val)."""
    values = ends[number].copy()
    if n_val is not None:
        for index, name in enumerate(objectives):
            if is_quality(name):
                values[index] += float(quality_sd(name, np.abs(values[index : index + 1]), n_val)[0])
            elif METRICS[name].direction == "maximize":
                values[index] = 1 - (1 - values[index]) * math.exp(-LEVEL_SD)
            else:
                values[index] *= math.exp(-LEVEL_SD)
    others = np.array([end for other, end in ends.items() if other != number]).reshape(-1, len(values))
    return not ((others >= values).all(axis=1) & (others > values).any(axis=1)).any()


def _lost(ends: Mapping[int, Floats], without: set[int], corner: Floats) -> float:
    def volume(points: list[Floats]) -> float:
        rows = np.array(points).reshape(-1, len(corner))
        return hypervolume(rows, maximised(rows), corner)

    whole = volume(list(ends.values()))
    rest = volume([values for number, values in ends.items() if number not in without])
    return (whole - rest) / whole if whole > 0 else 0.0


def _rank_correlation(
    verdicts: list[Verdict],
    trials: Mapping[int, Trial],
    ends: Mapping[int, Floats],
    objectives: tuple[str, ...],
) -> float | None:
    by_moment: dict[tuple[int, int], float] = {}
    for verdict in verdicts:
        epochs = trials[verdict.number].epochs
        if (epochs, verdict.epoch) in by_moment:
            continue
        pairs = []
        for number, end in ends.items():
            rows = trials[number].rows
            then = next((row for row in rows[verdict.epoch - 1 :: -1] if row["epoch"] == verdict.epoch), None)
            partial = None if then is None else oriented(then, objectives)
            if partial is not None and trials[number].epochs == epochs:
                pairs.append((partial, end))
        tau = math.nan
        if len(pairs) > 1:
            before, after = (np.array(points) for points in zip(*pairs, strict=True))
            tau = kendall_tau(ranks(before).astype(float), ranks(after).astype(float))
        by_moment[epochs, verdict.epoch] = tau
    taus = [by_moment[trials[verdict.number].epochs, verdict.epoch] for verdict in verdicts]
    finite = [tau for tau in taus if math.isfinite(tau)]
    return sum(finite) / len(finite) if finite else None
