from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.stopping import SafetyStop
from trainables.config import TrainConfig
from trainables.schedules import SCHEDULES

FINAL = 2.0
COLLAPSED: dict[str, Any] = {"progress": 0.9, "threshold": FINAL, "accuracy_val": 0.1, "firing_rate": 0.2}
HEALTHY = COLLAPSED | {"accuracy_val": 0.9}


def verdicts(stop: SafetyStop, rows: list[dict[str, Any]], number: int = 0) -> list[bool]:
    return [stop.reason(number, row, FINAL) is not None for row in rows]


def rule(patience: int = 3) -> SafetyStop:
    return SafetyStop(chance=0.1, margin=0.02, patience=patience)


def test_needs_patience_epochs_in_a_row() -> None:
    assert verdicts(rule(), [COLLAPSED] * 4) == [False, False, True, True]


def test_a_recovery_starts_the_count_again() -> None:
    rows = [COLLAPSED, COLLAPSED, HEALTHY, COLLAPSED, COLLAPSED, COLLAPSED]
    assert verdicts(rule(), rows) == [False] * 5 + [True]


@pytest.mark.parametrize(
    "change",
    [{"progress": 0.499}, {"threshold": FINAL * 0.999}, {"accuracy_val": 0.121}],
    ids=["before half", "threshold still growing", "better than guessing"],
)
def test_never_while_one_condition_is_missing(change: dict[str, Any]) -> None:
    assert not any(verdicts(rule(), [COLLAPSED | change] * 20))


def test_limits_count_as_reached() -> None:
    edge = COLLAPSED | {"progress": 0.5, "accuracy_val": 0.12}
    assert verdicts(SafetyStop(0.1, 0.02, patience=1), [edge]) == [True]


def test_epochs_before_the_threshold_is_final_do_not_count() -> None:
    growing = COLLAPSED | {"threshold": 1.9}
    assert verdicts(rule(), [growing] * 5 + [COLLAPSED] * 3) == [False] * 7 + [True]


def test_the_reason_names_what_was_seen() -> None:
    reason = rule(1).reason(0, COLLAPSED, FINAL)
    silent = rule(1).reason(0, COLLAPSED | {"firing_rate": 0}, FINAL)
    assert reason is not None
    assert silent is not None
    assert "at chance level (validation accuracy 0.100) for 1 epochs" in reason
    assert "silent" in silent


@given(rows=st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40))
def test_trials_are_independent(rows: list[tuple[int, bool]]) -> None:
    """Interleaved trials get the answers that each gets alone; each answer is a run of collapsed rows."""
    together, seen = rule(), dict[int, list[bool]]()
    for number, bad in rows:
        answer = together.reason(number, COLLAPSED if bad else HEALTHY, FINAL) is not None
        seen.setdefault(number, []).append(bad)
        assert answer == (seen[number][-3:] == [True] * 3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_reaches_exactly_the_final_value(name: str) -> None:
    """The rule compares with >=: a shape ending one rounding error below 1 would never be stopped."""
    for rate in (-7.3, -1.0, 0.0, 0.1, 3.0, 7.3):
        config = TrainConfig(
            scheduler=name, shape_rate=rate, shape_a=0.7, shape_b=1.7, window_start=0.1, window_end=0.8
        )
        assert float(FINAL * config.schedule()(0.85)) >= FINAL


def test_what_json_could_not_hold_is_not_guessing() -> None:
    """Rows read back from a file have None for NaN; the training itself ends with a reason then."""
    assert not any(
        verdicts(rule(1), [COLLAPSED | {"accuracy_val": None}, COLLAPSED | {"accuracy_val": float("nan")}])
    )
