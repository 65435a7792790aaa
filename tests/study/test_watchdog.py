"""Who hangs and who is merely slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.storage import PATIENCE_S
from study.watchdog import (
    FACTOR,
    FIRST_FLOOR_S,
    FLOOR_S,
    LOOK_S,
    UNKNOWN_S,
    Watchdog,
    longest_s,
    patience_s,
)


def wait(dog: Watchdog, seconds: float, step_s: float = 1.0) -> list[int]:
    """Look every ``step_s``; the trials that were told to hang."""
    assert dog.now is not None
    found: list[int] = []
    for _ in range(round(seconds / step_s)):
        dog.tick(dog.now + step_s)
        found += dog.hung()
    return found


def begun(*numbers: int) -> Watchdog:
    dog = Watchdog()
    dog.tick(1000.0)
    for number in numbers:
        dog.started(number)
    return dog


@pytest.mark.parametrize(
    ("own_s", "known_s", "alarms", "first", "last", "limit_s"),
    [
        (None, None, 0, True, False, UNKNOWN_S + PATIENCE_S),
        (None, None, 1, True, False, 2 * UNKNOWN_S + PATIENCE_S),
        (1.0, None, 0, False, False, FLOOR_S),
        (100.0, 1.0, 0, False, False, 100 * FACTOR),  # its own epochs tell more
        (1.0, 1000.0, 0, False, False, FLOOR_S),
        (None, 1000.0, 0, False, False, 1000 * FACTOR),
        (None, 10.0, 0, True, False, FIRST_FLOOR_S + PATIENCE_S),
        (1.0, None, 2, False, False, 4 * FLOOR_S),
        (1.0, None, 0, False, True, FLOOR_S + PATIENCE_S),
        (1.0, None, 2, False, True, 4 * FLOOR_S + PATIENCE_S),
        (None, 10.0, 0, True, True, FIRST_FLOOR_S + 2 * PATIENCE_S),
    ],
)
def test_patience(
    own_s: float | None, known_s: float | None, alarms: int, first: bool, last: bool, limit_s: float
) -> None:
    assert patience_s(own_s, known_s, alarms, first=first, last=last) == limit_s


def test_a_trial_that_stops_after_short_epochs_hangs_once() -> None:
    dog = begun(0, 1)
    for _ in range(5):
        assert wait(dog, 10) == []
        dog.row(0)
        dog.row(1)
    for _ in range(20):  # the other one goes on
        found = wait(dog, 10)
        dog.row(1)
        if found:
            break
    assert found == [0]
    assert wait(dog, 10) == []


def test_silence_and_the_longest_epoch_are_told() -> None:
    dog = begun(0)
    wait(dog, 30)
    dog.row(0)
    wait(dog, 60)
    dog.row(0)
    assert dog.now is not None
    for _ in range(301):
        dog.tick(dog.now + 1)
        if found := dog.hung():
            break
    assert found == {0: (301.0, 60.0)}


def test_where_nothing_is_known_a_first_epoch_has_an_hour_and_then_two() -> None:
    dog = begun(0)
    for hours in (1, 2, 4):
        assert wait(dog, hours * UNKNOWN_S + PATIENCE_S - 1) == []
        assert wait(dog, 2) == [0]
        dog.started(0)


def test_of_a_hang_where_nothing_is_known_no_epoch_is_told() -> None:
    dog = begun(0)
    assert dog.now is not None
    for _ in range(5000):
        dog.tick(dog.now + 1)
        if found := dog.hung():
            break
    assert found == {0: (UNKNOWN_S + PATIENCE_S + 1, None)}


def test_epochs_of_the_driver_before_are_what_a_first_one_is_held_against() -> None:
    filed = [
        {"number": number, "wall_s": wall_s}
        for number, wall_s in [(0, 100.0), (1, 150.0), (0, 190.0), (1, 450.0), (1, 500.0)]
    ]
    assert longest_s(filed) == 300.0
    assert longest_s([]) is None
    dog = Watchdog(first_s=longest_s(filed))
    dog.tick(0.0)
    dog.started(0)
    assert wait(dog, 300 * FACTOR + PATIENCE_S) == []
    assert wait(dog, 2) == [0]


def test_the_last_epoch_may_wait_for_the_storage() -> None:
    """An outage of nine minutes while the last state is written is no hang; forever is."""
    dog = begun(0)
    for _ in range(3):
        wait(dog, 1)
        dog.row(0)
    wait(dog, 1)
    dog.row(0, last=True)
    assert wait(dog, FLOOR_S + PATIENCE_S) == []
    assert wait(dog, 2) == [0]


def test_rows_out_of_a_state_are_no_epochs() -> None:
    """A process sends ten at once, and then trains one, which takes as long as a first one may."""
    dog = begun(0)
    for _ in range(10):
        wait(dog, 1)
        dog.row(0, trained=False)
    assert (dog.first_s, dog.epoch_s) == (None, None)
    assert wait(dog, UNKNOWN_S) == []
    dog.row(0)
    assert dog.first_s == UNKNOWN_S


def test_a_first_epoch_is_held_against_first_epochs() -> None:
    """It imports and compiles: 300 s beside epochs of 1 s are no hang."""
    dog = begun(0)
    wait(dog, 200)
    dog.row(0)
    for _ in range(20):
        wait(dog, 1)
        dog.row(0)
    dog.ended(0)
    dog.started(1)
    assert wait(dog, 200 * FACTOR + PATIENCE_S - 1) == []
    assert wait(dog, 2) == [1]


def test_the_second_epoch_of_the_first_trial_is_held_against_its_first() -> None:
    dog = begun(0)
    wait(dog, 1000)
    dog.row(0)
    assert wait(dog, 4999) == []
    assert wait(dog, 2) == [0]


def test_sleep_and_a_stopped_driver_do_not_count() -> None:
    dog = begun(0)
    for _ in range(3):
        wait(dog, 1)
        dog.row(0)
    assert dog.now is not None
    dog.tick(dog.now + 8 * 3600)  # a laptop's night
    assert dog.hung() == {}
    assert wait(dog, FLOOR_S - 1) == []
    assert wait(dog, 2) == [0]


def test_after_a_false_alarm_it_waits_twice_as_long() -> None:
    dog = begun(0)
    for _ in range(3):
        wait(dog, 1)
        dog.row(0)
    for limit in (FLOOR_S, 2 * FIRST_FLOOR_S + PATIENCE_S, 4 * FIRST_FLOOR_S + PATIENCE_S):
        assert wait(dog, limit - 1) == []
        assert wait(dog, 2) == [0]
        dog.paused(0)
        assert wait(dog, 10_000) == []  # waits for a process: nobody's fault
        dog.started(0)


@given(epoch_s=st.floats(0.1, 3600), slower=st.floats(1.0, 4.9))
def test_an_epoch_less_than_five_times_as_long_is_no_hang(epoch_s: float, slower: float) -> None:
    dog = begun(0)
    for seconds in [epoch_s, epoch_s, epoch_s * slower]:
        looks = int(seconds / LOOK_S) + 1
        assert wait(dog, seconds, seconds / looks) == []
        dog.row(0)
