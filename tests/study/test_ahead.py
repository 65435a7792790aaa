from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from study.samplers import sampler
from study.samplers.ahead import Ahead
from study.spec import Budget


@pytest.fixture
def ahead() -> Iterator[Ahead[int]]:
    result: Ahead[int] = Ahead()
    yield result
    result.close()


class TestAhead:
    def test_the_caller_goes_on_until_the_result_is_there(self, ahead: Ahead[int]) -> None:
        gate = threading.Event()
        assert ahead.poll() is None
        assert not ahead.busy

        def call() -> int:
            gate.wait(60)
            return threading.get_ident()

        ahead.start(call)
        assert ahead.poll() is None
        assert ahead.poll(wait_s=0.01) is None
        with pytest.raises(RuntimeError, match="under way"):
            ahead.start(call)
        gate.set()
        first = ahead.poll(wait_s=60)
        assert first not in (None, threading.get_ident())
        assert ahead.poll() is None
        ahead.start(call)
        assert ahead.poll(wait_s=60) == first  # the same thread again: there is one

    def test_exceptions_are_raised_once_where_the_result_is_polled(self, ahead: Ahead[int]) -> None:
        def call() -> int:
            raise KeyError("no such study")

        ahead.start(call)
        with pytest.raises(KeyError, match="no such study"):
            ahead.poll(wait_s=60)
        assert not ahead.busy
        assert ahead.poll() is None
        ahead.start(lambda: 3)
        assert ahead.poll(wait_s=60) == 3

    def test_none_is_a_result_too(self) -> None:
        ahead: Ahead[None] = Ahead()
        gate = threading.Event()
        ahead.start(lambda: gate.wait(60) and None)
        assert ahead.poll() is None
        assert ahead.busy
        gate.set()
        assert ahead.poll(wait_s=60) is None
        assert not ahead.busy
        ahead.close()

    def test_closing_waits_for_what_is_under_way(self) -> None:
        ahead: Ahead[int] = Ahead()
        gate, ended = threading.Event(), threading.Event()

        def call() -> int:
            gate.wait(60)
            ended.set()
            return 0

        ahead.start(call)
        closing = threading.Thread(target=ahead.close)
        closing.start()
        assert closing.is_alive()
        gate.set()
        closing.join(60)
        assert ended.is_set()
        assert not closing.is_alive()


@contextmanager
def opened(path: Path | None) -> Iterator[optuna.storages.BaseStorage]:
    if path is None:
        yield optuna.storages.InMemoryStorage()
        return
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    yield storage
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.parametrize(
    ("name", "total", "file"), [("tpe", 60, True), ("tpe", 200, False), ("nsga2", 200, False)]
)
def test_asking_in_the_background_while_others_are_told_loses_nothing(
    name: str, total: int, file: bool, tmp_path: Path
) -> None:
    """Up to five pending trials, told in any order while the next one is asked."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "optuna.db" if file else None
    with opened(path) as storage:
        told = interleaved(storage, name, total)
        if not file:
            compare(storage, told)
    if file:
        with opened(path) as storage:
            compare(storage, told)


Told = dict[int, tuple[dict[str, object], list[float] | None]]


def interleaved(storage: optuna.storages.BaseStorage, name: str, total: int) -> Told:
    """What was told, by trial."""
    rng = random.Random(0)
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize", "minimize"])
    ahead: Ahead[optuna.Trial] = Ahead()
    asked, overlaps = 0, 0
    told: Told = {}
    pending: list[optuna.Trial] = []

    def ask() -> optuna.Trial:
        study.sampler = sampler(Budget(), asked, 8, name)
        trial = study.ask()
        trial.suggest_categorical("shape", ["sine", "linear"])
        trial.suggest_float("x", 0.1, 1, log=True)
        trial.suggest_float("y", 0, 1)
        trial.set_user_attr("number", asked)
        return trial

    while len(told) < total:
        if not ahead.busy and asked < total and len(pending) < 5:
            ahead.start(ask)
        while pending and (len(pending) > 3 or asked == total):
            trial = pending.pop(rng.randrange(len(pending)))
            values = [trial.params["x"], trial.params["y"]]
            overlaps += ahead.busy
            if trial.number % 10 == 9:
                study.tell(trial, state=TrialState.PRUNED)
                values = None
            else:
                trial.set_constraint("floor", 0.2 - values[0])
                study.tell(trial, values)
            told[trial.number] = (trial.params, values)
        if (asked_one := ahead.poll(wait_s=0.001)) is not None:
            asked += 1
            pending.append(asked_one)
    ahead.close()
    assert overlaps > total / 4
    return told


def compare(storage: optuna.storages.BaseStorage, told: Told) -> None:
    """The storage holds what was told, all of it, once."""
    total = len(told)
    stored = optuna.load_study(storage=storage, study_name="s").trials
    assert [trial.number for trial in stored] == list(range(total))
    assert sorted(trial.user_attrs["number"] for trial in stored) == list(range(total))
    for trial in stored:
        params, values = told[trial.number]
        assert (trial.params, trial.values) == (params, values)
        assert trial.state == (TrialState.PRUNED if values is None else TrialState.COMPLETE)
        assert trial.constraints == ({} if values is None else {"floor": 0.2 - values[0]})
