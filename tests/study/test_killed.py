"""Killed at any write, before it, in the middle of its line or after it: the study goes on as if undisturbed.

A kill is a copy of the study folder at that moment. tests/study/test_end_to_end.py kills real processes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from study.record import Recorder
from study.spec import StudySpec
from study.store import Lines, Store
from tests.study.made import COLLAPSE, THREE, copied, lines, make, opened, outcome, row, run_out, train

LOGS = ("asked", "trials", "epochs")
Writes = Iterator[tuple[int, str]]  # how many writes a process lives through, and how it dies then


class Killed(BaseException):
    """No ``except Exception`` catches it."""


def mortal(survives: int, how: str, grave: Path) -> Callable[[Store], None]:
    """The process dies at its next write but ``survives``; the folder is then found at ``grave``."""
    left = survives

    def wrapped(log: Lines) -> Callable[[Mapping[str, Any]], None]:
        write = log.append

        def append(line: Mapping[str, Any]) -> None:
            nonlocal left
            if left > 0:
                left -= 1
                write(line)
                return
            if how == "after":
                write(line)
            copied(log.path.parent, grave)
            if how == "torn":
                text = json.dumps(line).encode()
                with (grave / log.path.name).open("ab") as file:
                    file.write(text[: len(text) // 2])
            raise Killed

        return append

    def arrange(store: Store) -> None:
        for name in LOGS:
            log: Lines = getattr(store, name)
            log.append = wrapped(log)  # type: ignore[method-assign]

    return arrange


def lived(spec: StudySpec, root: Path, writes: Writes) -> tuple[Path, int]:
    """The folder of a study that was killed as ``writes`` says, and how often that was."""
    for life, (survives, how) in enumerate(writes):
        grave = root / str(life + 1)
        try:
            with opened(spec, root / str(life), mortal(survives, how, grave)) as books:
                finish(books)
            return root / str(life), life
        except Killed:
            continue
    raise AssertionError("the study was never finished")


def finish(books: Recorder) -> None:
    """Run it out. A trial that goes on repeats up to two rows that are filed already."""
    while (suggestion := books.next()) is not None:
        train(books, suggestion, begin=max(1, books.filed(suggestion.number) - 1))
    assert books.finished


STUDIES = {
    "auto, confirmed": make(5, epochs=3, search={"sampler": "auto", "confirm": 1, "confirm_at_most": 2}),
    "nsga2, three objectives": make(
        6, search={"sampler": "nsga2", "objectives": ["accuracy_val", "sparsity_params", "energy_nj"]}
    ),
    "gp, constrained": make(
        4,
        space={"schedulers": ["sine"]},
        search={"sampler": "gp", "startup": 1, "constraints": ["sparsity_params >= 0.6"]},
    ),
    "exhausted space": make(5, space=THREE, search={"sampler": "random"}),
    "stops": make(6, epochs=12, space={"threshold": [0.3, 0.7]}, search={"startup": 6, "accuracy_floor": 0}),
    "rule and audit": make(
        8,
        epochs=9,
        search={"startup": 8, "accuracy_floor": 0},
        stopping={"stop_rule": "asha", "stop_audit": 0.5},
    ),
}


def undisturbed(spec: StudySpec, folder: Path) -> dict[str, Any]:
    with opened(spec, folder) as books:
        run_out(books)
        audit = books.audit()
    return outcome(folder) | {"audit": audit}


@pytest.mark.parametrize("name", STUDIES)
def test_killed_again_and_again_it_finds_the_same_to_the_last_bit(name: str, tmp_path: Path) -> None:
    spec = STUDIES[name]
    expected = undisturbed(spec, tmp_path / "whole")
    dice = random.Random(name)

    def writes() -> Writes:
        while True:
            yield dice.randrange(len(expected["epochs"]) // 4), dice.choice(["before", "torn", "after"])

    folder, kills = lived(spec, tmp_path, writes())
    assert kills >= 4
    with opened(spec, folder) as books:
        assert books.next() is None
        assert books.finished
        audit = books.audit()
    assert outcome(folder) | {"audit": audit} == expected


def test_the_studies_above_do_what_they_are_named_after(tmp_path: Path) -> None:
    stops = undisturbed(STUDIES["stops"], tmp_path / "stops")["trials"]
    stopped = {line["number"] for line in stops if line["state"] == "PRUNED"}
    assert stopped
    assert stopped == {
        line["number"]
        for line in stops
        if line["kind"] == "search" and line["config"]["final_threshold"] >= COLLAPSE
    }
    assert all(line["epochs"] == 10 for line in stops if line["number"] in stopped)  # five from u = 0.5 on
    audit = undisturbed(STUDIES["rule and audit"], tmp_path / "audit")["audit"]
    assert audit["stopped"] >= 1
    assert audit["audited"] >= 1


@pytest.mark.parametrize("how", ["before", "torn", "after"])
@pytest.mark.parametrize("at", range(3))
def test_first_write_of_each_log(at: int, how: str, tmp_path: Path) -> None:
    """asked.jsonl, epochs.jsonl and trials.jsonl of the first trial, which has one epoch."""
    spec = make(1, epochs=1)
    expected = undisturbed(spec, tmp_path / "whole")
    folder, kills = lived(spec, tmp_path, iter([(at, how), (1000, "before")]))
    assert kills == 1
    log = ("asked", "epochs", "trials")[at]
    left = (tmp_path / "whole" / f"{log}.jsonl").read_bytes()
    assert (folder / f"{log}.jsonl").read_bytes().count(b"\n") == left.count(b"\n")
    assert outcome(folder) == {key: expected[key] for key in ("asked", "trials", "epochs", "optuna")}


def test_several_running_go_on_with_the_same_numbers(tmp_path: Path) -> None:
    spec = make(4)
    with opened(spec, tmp_path / "0") as books:
        going = [one for _ in range(6) if (one := books.next())]
        for one in going:
            books.row(one.number, row(one.config, 1))
        train(books, going[1])
        copied(tmp_path / "0", tmp_path / "1")
    for folder in (tmp_path / "1", tmp_path / "1"):  # and once more at once
        with opened(spec, folder) as books:
            again = [one for _ in range(5) if (one := books.next())]
            assert again == [one for one in going if one.number != 1]
            assert [books.filed(one.number) for one in again] == [1] * 5
    with opened(spec, tmp_path / "1") as books:
        finish(books)
    found = outcome(tmp_path / "1")
    assert [line["number"] for line in found["trials"]] == list(range(8))
    assert [(one["number"], one["epoch"]) for one in found["epochs"]] == [
        (number, epoch) for number in range(8) for epoch in (1, 2)
    ]
    assert {state for state, *_ in found["optuna"].values()} == {"COMPLETE"}


class TestReplay:
    """Rows that say that a trial is over, without its line."""

    def study(self, tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[StudySpec, int]:
        """A study that was killed in its first searched trial that collapses, with these rows of it."""
        spec = STUDIES["stops"]
        with opened(spec, tmp_path) as books:
            while (one := books.next()) is not None:
                if one.kind == "search" and one.config.final_threshold >= COLLAPSE:
                    break
                train(books, one)
            assert one is not None
        with (tmp_path / "epochs.jsonl").open("a") as file:
            for changes in rows:
                epoch = changes.pop("epoch")
                filed = {
                    k: v for k, v in row(one.config, epoch, **changes).items() if k not in ("done", "pid")
                }
                file.write(json.dumps({"number": one.number, **filed}) + "\n")
        return spec, one.number

    def ended(self, tmp_path: Path, number: int) -> dict[str, Any]:
        (line,) = [line for line in lines(tmp_path, "trials") if line["number"] == number]
        return line

    def test_the_last_row_demanded_a_stop(self, tmp_path: Path) -> None:
        """Five collapsed epochs from the sixth on: the tenth stops, before as after the kill."""
        spec, number = self.study(tmp_path, [{"epoch": epoch} for epoch in range(1, 11)])
        with opened(spec, tmp_path) as books:
            following = books.next()
        assert following is not None
        assert following.number == number + 1
        line = self.ended(tmp_path, number)
        assert (line["state"], line["epochs"], line["values"]) == ("PRUNED", 10, None)
        assert line["error"].startswith("collapsed")

    def test_one_row_before_the_stop_it_goes_on_and_the_count_too(self, tmp_path: Path) -> None:
        spec, number = self.study(tmp_path, [{"epoch": epoch} for epoch in range(1, 10)])
        with opened(spec, tmp_path) as books:
            again = books.next()
            assert again is not None
            assert (again.number, books.filed(number)) == (number, 9)
            for epoch in (8, 9):  # repeated: do not count
                assert not books.should_stop(number, row(again.config, epoch))
            assert books.should_stop(number, row(again.config, 10))

    def test_all_rows_of_a_trial_are_its_end(self, tmp_path: Path) -> None:
        healthy = [{"epoch": epoch, "accuracy_val": 0.9} for epoch in range(1, 13)]
        spec, number = self.study(tmp_path, healthy)
        with opened(spec, tmp_path):
            pass
        line = self.ended(tmp_path, number)
        assert (line["state"], line["epochs"]) == ("COMPLETE", 12)
        assert line["values"]["accuracy_val"] == 0.9
        assert line["train_wall_s"] == 12 * 0.125

    def test_a_row_with_a_reason_is_a_failure(self, tmp_path: Path) -> None:
        reason = "the training loss was nan in epoch 2"
        spec, number = self.study(
            tmp_path, [{"epoch": 1}, {"epoch": 2, "reason": reason, "loss_train": None}]
        )
        with opened(spec, tmp_path) as books:
            following = books.next()
        assert following is not None
        assert following.number == number + 1
        line = self.ended(tmp_path, number)
        assert (line["state"], line["error"], line["metrics"]["loss_train"]) == ("FAIL", reason, None)

    def test_rows_of_nobody_are_passed_over(self, tmp_path: Path) -> None:
        spec, number = self.study(tmp_path, [])
        with (tmp_path / "epochs.jsonl").open("a") as file:
            file.write('{"number": 99, "epoch": 1}\n')
        with opened(spec, tmp_path) as books:
            again = books.next()
        assert again is not None
        assert again.number == number
