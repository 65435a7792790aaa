"""The books of a study, without Ray: a real agenda and a real store, rows made by hand."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.record import Recorder
from tests.study import made
from trainables.assembly import lr_sum
from trainables.config import TrainConfig, config_hash
from trainables.metrics import METRICS

SPEC = made.make(3, epochs=20, space={"schedulers": ["linear"]}, search={"sampler": "random"})
EPOCHS = SPEC.train.epochs
FIELDS = """number kind name state params config config_hash seed replicate_of values violations metrics error
    lr_sum epochs train_wall_s started_at ended_at retries epochs_redone audited final_threshold shape"""
FIELDS += " threshold_ratio"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Recorder]:
    with made.opened(SPEC, tmp_path / "books") as recorder:
        yield recorder


def row(epoch: int, **changes: Any) -> dict[str, Any]:
    """An epoch of a healthy run; the keys that Tune adds to a result must not reach the files."""
    numbers = {name: 0.25 for name in METRICS if name != "accuracy_test"}
    known = {"epoch": epoch, "progress": epoch / EPOCHS, "accuracy_val": 0.9, "wall_s": 0.1 * epoch}
    return {**numbers, **known, "reason": None, "done": False, "pid": 7, "config": {}} | changes


def start(books: Recorder, kind: str = "search") -> int:
    """The next trial of this kind; reference arms before it are run to their end."""
    while (suggestion := books.next()) is not None and suggestion.kind != kind:
        books.row(suggestion.number, row(EPOCHS))
        books.end(suggestion.number)
    assert suggestion is not None
    return suggestion.number


def lines(books: Recorder, name: str, number: int) -> list[dict[str, Any]]:
    text = (books.store.folder / f"{name}.jsonl").read_text()
    return [line for line in map(json.loads, text.splitlines()) if line["number"] == number]


def optuna_state(books: Recorder, number: int) -> str:
    (trial,) = [t for t in books.agenda.search.study.trials if t.user_attrs["number"] == number]
    return str(trial.state.name)


def test_rows_that_a_restarted_trial_repeats_do_not_count_towards_a_stop(books: Recorder) -> None:
    """Epochs 11 to 13 collapsed, then 12 and 13 again: three epochs, not five."""
    number = start(books)
    final = books.running[number].final_threshold
    for epoch in (11, 12, 13, 12, 13):
        collapsed = row(epoch, accuracy_val=0.1, threshold=final)
        assert not books.should_stop(number, collapsed)
        books.row(number, collapsed)
    for epoch, stopped in ((14, False), (15, True)):
        collapsed = row(epoch, accuracy_val=0.1, threshold=final)
        assert books.should_stop(number, collapsed) is stopped
        books.row(number, collapsed)


class TestComplete:
    def test_line_has_all_fields_and_their_meaning(self, books: Recorder) -> None:
        number = start(books)
        suggestion = books.running[number].suggestion
        for epoch in range(1, EPOCHS + 1):
            books.row(number, row(epoch, sparsity_params=epoch / 100))
        books.end(number)
        (line,) = lines(books, "trials", number)
        assert set(line) == set(FIELDS.split())
        config = TrainConfig(**line["config"])
        assert config == suggestion.config
        assert config.model_copy(update=line["params"]) == config
        assert (line["state"], line["kind"], line["name"]) == ("COMPLETE", "search", None)
        assert line["values"] == {"accuracy_val": 0.9, "sparsity_params": EPOCHS / 100}
        assert line["config_hash"] == config_hash(config)
        assert line["epochs"] == EPOCHS
        assert line["train_wall_s"] == pytest.approx(0.1 * EPOCHS)
        assert line["violations"] == pytest.approx({"accuracy_floor": 0.5 - 0.9})
        assert line["started_at"] <= line["ended_at"]
        assert line["error"] is None
        assert optuna_state(books, number) == "COMPLETE"
        assert books.agenda.search.study.trials[number].values == list(line["values"].values())

    def test_threshold_in_weight_units_and_in_its_natural_unit(self, books: Recorder) -> None:
        number = start(books)
        books.row(number, row(1))
        books.end(number)
        (line,) = lines(books, "trials", number)
        # 1259 training samples make 19 full batches of 64; cosine annealing from lr over n steps, left ends,
        # sums to lr (n + 1) / 2
        steps = 1259 // 64 * EPOCHS
        assert line["lr_sum"] == pytest.approx(SPEC.train.lr * (steps + 1) / 2)
        assert line["threshold_ratio"] == pytest.approx(line["params"]["final_threshold"])
        assert line["final_threshold"] == pytest.approx(line["threshold_ratio"] * line["lr_sum"])

    def test_threshold_given_in_weight_units(self, tmp_path: Path) -> None:
        spec = SPEC.model_copy(update={"train": SPEC.train.model_copy(update={"threshold_unit": "weight"})})
        with made.opened(spec, tmp_path) as books:
            number = start(books)
            books.row(number, row(1))
            books.end(number)
        (line,) = lines(books, "trials", number)
        assert line["final_threshold"] == line["params"]["final_threshold"]
        assert line["threshold_ratio"] == pytest.approx(line["final_threshold"] / lr_sum(spec.train))

    def test_shape_is_the_schedule_on_33_points(self, books: Recorder) -> None:
        number = start(books)
        books.row(number, row(1))
        books.end(number)
        (line,) = lines(books, "trials", number)
        begin, end = line["params"]["window_start"], line["params"]["window_end"]
        linear = [min(max((i / 32 - begin) / (end - begin), 0), 1) for i in range(33)]
        assert line["shape"] == pytest.approx(linear)

    def test_dense_arm_has_neither_shape_nor_threshold(self, books: Recorder) -> None:
        number = start(books, "reference")
        books.row(number, row(1))
        books.end(number)
        (line,) = lines(books, "trials", number)
        assert (line["kind"], line["name"]) == ("reference", "dense")
        assert (line["shape"], line["final_threshold"], line["threshold_ratio"]) == (None, 0, 0)


class TestFailed:
    def test_error_of_the_process(self, books: Recorder) -> None:
        number = start(books)
        books.row(number, row(1))
        books.end(number, error="RuntimeError: out of memory")
        (line,) = lines(books, "trials", number)
        assert (line["state"], line["values"]) == ("FAIL", None)
        assert line["error"] == "RuntimeError: out of memory"
        assert line["metrics"]["epoch"] == 1  # the last thing known about it
        assert optuna_state(books, number) == "FAIL"

    def test_error_before_the_first_row(self, books: Recorder) -> None:
        number = start(books)
        books.end(number, error="died")
        (line,) = lines(books, "trials", number)
        assert (line["state"], line["metrics"], line["epochs"]) == ("FAIL", {}, 0)
        assert lines(books, "epochs", number) == []

    def test_diverged(self, books: Recorder) -> None:
        number = start(books)
        reason = "the training loss was nan in epoch 3"
        books.row(number, row(3, loss_train=math.nan, loss_val=math.inf, reason=reason))
        books.end(number)
        (line,) = lines(books, "trials", number)
        assert (line["state"], line["error"]) == ("FAIL", reason)
        assert (line["metrics"]["loss_train"], line["metrics"]["loss_val"]) == (None, None)
        assert lines(books, "epochs", number)[0]["loss_train"] is None

    @pytest.mark.parametrize("objective", ["accuracy_val", "sparsity_params"])
    def test_objective_that_is_no_number(self, objective: str, books: Recorder) -> None:
        number = start(books)
        books.row(number, row(EPOCHS, **{objective: math.nan}))
        books.end(number)
        (line,) = lines(books, "trials", number)
        assert (line["state"], line["values"]) == ("FAIL", None)
        assert "objective" in line["error"]
        assert optuna_state(books, number) == "FAIL"


class TestSafety:
    def collapse(self, books: Recorder, number: int) -> list[bool]:
        d = books.running[number].final_threshold
        rows = [row(epoch, accuracy_val=0.1, threshold=d) for epoch in range(10, EPOCHS)]
        answers = []
        for one in rows:
            answers.append(books.should_stop(number, one))
            books.row(number, one)
            if answers[-1]:
                break
        books.end(number)
        return answers

    def test_collapsed_trial_is_stopped_and_pruned(self, books: Recorder) -> None:
        number = start(books)
        assert self.collapse(books, number) == [False] * 4 + [True]
        (line,) = lines(books, "trials", number)
        assert (line["state"], line["values"]) == ("PRUNED", None)
        assert line["error"].startswith("collapsed")
        assert optuna_state(books, number) == "PRUNED"

    def test_reference_arm_is_never_stopped(self, books: Recorder) -> None:
        dense, linear = books.next(), books.next()
        assert dense is not None
        assert linear is not None
        for suggestion in (dense, linear):
            assert suggestion.kind == "reference"
            assert not any(self.collapse(books, suggestion.number))
            assert lines(books, "trials", suggestion.number)[0]["state"] == "COMPLETE"


class TestEpochs:
    def test_rows_that_a_restarted_trial_repeats_are_filed_once(self, books: Recorder) -> None:
        number = start(books)
        for epoch in (1, 2, 3):
            books.row(number, row(epoch))
        books.retry(number)
        for epoch in (2, 3, 4):  # the second out of its state; the third is trained again
            books.row(number, row(epoch, sent_again=epoch == 2))
        books.end(number)
        assert [line["epoch"] for line in lines(books, "epochs", number)] == [1, 2, 3, 4]
        assert [(one["retries"], one["epochs_redone"]) for one in lines(books, "trials", number)] == [(1, 1)]

    def test_rows_hold_metrics_and_nothing_of_the_transport(self, books: Recorder) -> None:
        number = start(books)
        books.row(number, row(1))
        (line,) = lines(books, "epochs", number)
        assert set(line) == {"number", "reason", *METRICS} - {"accuracy_test"}

    def test_trials_side_by_side_do_not_mix(self, books: Recorder) -> None:
        first, second = start(books), start(books)
        for epoch in (1, 2):
            books.row(second, row(epoch, accuracy_val=0.7))
            books.row(first, row(epoch, accuracy_val=0.6))
        books.end(second)
        books.end(first)
        assert lines(books, "trials", first)[0]["values"]["accuracy_val"] == 0.6
        assert lines(books, "trials", second)[0]["values"]["accuracy_val"] == 0.7


def test_finished_only_when_every_planned_trial_has_ended(books: Recorder) -> None:
    changes = []
    books.on_change = lambda: changes.append(len(books.ended))
    for ended in range(7):  # four arms, three searched
        assert not books.finished
        suggestion = books.next()
        assert suggestion is not None
        assert not books.finished
        books.row(suggestion.number, row(EPOCHS))
        books.end(suggestion.number)
        assert changes[-1] == ended + 1
    assert books.finished
    assert books.next() is None


def test_what_is_asked_is_filed_before_it_runs(books: Recorder) -> None:
    for count in range(1, 6):
        suggestion = books.next()
        assert suggestion is not None
        asked = made.lines(books.store.folder, "asked")
        assert len(asked) == count
        assert asked[-1] == json.loads(json.dumps(suggestion.line()))


def test_the_samplers_choice_is_filed_with_its_reason(tmp_path: Path) -> None:
    spec = made.make(3, search={"sampler": "auto", "startup": 1})
    with made.opened(spec, tmp_path) as books:
        made.run_out(books)
        choice = books.agenda.search.choice
    assert json.loads((tmp_path / "study.json").read_text())["sampler"] == choice
    with made.opened(spec, tmp_path) as books:
        assert books.agenda.search.choice == choice


def test_tune_may_pickle_the_books_and_gets_nothing(books: Recorder) -> None:
    start(books)
    assert books.__getstate__() == {}
    assert len(pickle.dumps(books)) < 100


class TestNetworks:
    """Checkpoints of searched trials are kept while they are on the front."""

    def finish(self, books: Recorder, accuracy: float, sparsity: float, kind: str = "search") -> Path:
        number = start(books, kind)
        path = Path(books.store.checkpoint(number))
        path.write_bytes(b"weights")
        books.row(number, row(EPOCHS, accuracy_val=accuracy, sparsity_params=sparsity))
        books.end(number)
        return path

    def test_the_front_and_the_arms_only(self, books: Recorder) -> None:
        arm = self.finish(books, 0.2, 0.0, "reference")
        first = self.finish(books, 0.8, 0.8)
        beaten = self.finish(books, 0.7, 0.7)
        assert (arm.exists(), first.exists(), beaten.exists()) == (True, True, False)
        better = self.finish(books, 0.9, 0.9)
        assert (arm.exists(), first.exists(), better.exists()) == (True, False, True)

    def test_none_of_what_is_infeasible_stopped_or_failed(self, books: Recorder) -> None:
        assert not self.finish(books, 0.4, 0.99).exists()  # below the floor
        number = start(books)
        path = Path(books.store.checkpoint(number))
        path.write_bytes(b"weights")
        books.end(number, error="died")
        assert not path.exists()
