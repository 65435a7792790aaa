"""The order of things: arms, searched trials, confirmation; and what of it an interrupted study repeats."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from study.agenda import Agenda, Suggestion
from study.confirm import seeds
from study.record import Recorder
from study.search import Search
from study.spec import StudySpec
from tests.study.made import ARMS, copied, lines, make, opened, outcome, run_out, train
from trainables.errors import ConfigError

FREE = {"schedulers": ["sine"], "threshold": [0.1, 0.4]}  # nothing collapses


def spec(trials: int = 3, confirm: int = 2, at_most: int = 2, **groups: Any) -> StudySpec:
    budget = {"confirm": confirm, "confirm_at_most": at_most} | groups.pop("search", {})
    return make(trials, space=FREE, search=budget, **groups)


def kinds(suggestions: list[Suggestion]) -> list[str]:
    return [one.kind for one in suggestions]


def test_reference_arms_then_searched_trials_then_confirmation(tmp_path: Path) -> None:
    with opened(spec(), tmp_path) as books:
        done = run_out(books)
        assert books.finished
    assert [one.number for one in done] == list(range(len(done)))
    assert [one.name for one in done[:4]] == ARMS
    # two fresh seeds of four arms and of the two best of three searched trials
    assert kinds(done) == ["reference"] * 4 + ["search"] * 3 + ["confirm"] * 12
    assert all(one.name is None and one.config.pruner == "stds" for one in done[4:7])


def test_confirmation_runs_take_fresh_seeds_and_the_same_for_all_seed_by_seed(tmp_path: Path) -> None:
    study = spec()
    with opened(study, tmp_path) as books:
        done = run_out(books)
    again = done[7:]
    fresh = [study.train.seed + 1, study.train.seed + 2]
    assert seeds(study) == fresh
    assert [one.config.seed for one in again] == [fresh[0]] * 6 + [fresh[1]] * 6
    assert [one.replicate_of for one in again[:6]] == [one.replicate_of for one in again[6:]]
    assert [one.name for one in again[:6]] == [*ARMS, None, None]
    for one in again:
        assert one.replicate_of is not None
        first = done[one.replicate_of]
        assert one.config == first.config.model_copy(update={"seed": one.config.seed})
        assert one.params == first.params | {"seed": one.config.seed}
        assert one.name == first.name


def test_confirmation_waits_for_the_last_searched_trial(tmp_path: Path) -> None:
    with opened(spec(), tmp_path) as books:
        started = [one for _ in range(7) if (one := books.next())]
        for one in started[:-1]:
            train(books, one)
            assert books.next() is None
            assert not books.agenda.spent
        train(books, started[-1])
        first = books.next()
        assert first is not None
        assert (first.kind, first.replicate_of) == ("confirm", 0)
        second = books.next()  # and now side by side
        assert second is not None
        assert second.kind == "confirm"


def test_failed_and_stopped_trials_are_counted_and_not_confirmed(tmp_path: Path) -> None:
    with opened(spec(), tmp_path) as books:
        started = [one for _ in range(7) if (one := books.next())]
        for one in started:
            if one.number in (1, 4):  # an arm and a searched trial
                books.end(one.number, error="RuntimeError: died")
            else:
                train(books, one)
        rest = run_out(books)
    assert Counter(kinds(rest)) == {"confirm": 10}
    assert {one.replicate_of for one in rest} == {0, 2, 3, 5, 6}


def test_spent_and_planned(tmp_path: Path) -> None:
    with opened(spec(), tmp_path) as books:
        agenda = books.agenda
        assert agenda.planned() == {"search": 3, "reference": 4, "confirm": 2 * (4 + 2)}
        assert agenda.confirmed == []
        while not agenda.spent:
            suggestion = books.next()
            assert suggestion is not None
            assert not agenda.spent
            train(books, suggestion)
        assert books.next() is None
        assert len(agenda.asked) == sum(agenda.planned().values()) == 19
        assert agenda.confirmed[:4] == [0, 1, 2, 3]
        assert len(agenda.confirmed) == 6


@pytest.mark.parametrize("confirm", [0, 1])
def test_without_confirmation_the_last_searched_trial_is_the_end(confirm: int, tmp_path: Path) -> None:
    with opened(spec(confirm=confirm), tmp_path) as books:
        assert Counter(kinds(run_out(books))).get("confirm", 0) == confirm * 6
        assert books.agenda.spent


def test_fewer_confirmed_than_allowed_are_planned_when_they_are_chosen(tmp_path: Path) -> None:
    """At most eight of three searched trials; where one dominates by more than noise, one."""
    with opened(spec(trials=1, at_most=8), tmp_path) as books:
        assert books.agenda.planned()["confirm"] == 2 * (4 + 1)
        run_out(books)
        assert books.agenda.planned()["confirm"] == 2 * (4 + 1)


class TestAgain:
    def test_a_complete_study_has_nothing_to_do(self, tmp_path: Path) -> None:
        with opened(spec(), tmp_path) as books:
            run_out(books)
        before = outcome(tmp_path)
        with opened(spec(), tmp_path) as books:
            assert books.next() is None
            assert books.finished
        assert outcome(tmp_path) == before

    def test_confirmation_is_not_repeated_after_reopening(self, tmp_path: Path) -> None:
        """Interrupted in the middle of it, with two runs going on."""
        with opened(spec(), tmp_path / "whole") as books:
            run_out(books)
        with opened(spec(), tmp_path / "cut") as books:
            for _ in range(12):
                one = books.next()
                assert one is not None
                train(books, one)
            going = [one for _ in range(2) if (one := books.next())]
            copied(tmp_path / "cut", tmp_path / "copy")
        with opened(spec(), tmp_path / "copy") as books:
            rest = run_out(books)
        assert [one.number for one in rest[:2]] == [one.number for one in going]
        assert outcome(tmp_path / "copy") == outcome(tmp_path / "whole")

    def test_the_budget_grows_and_what_was_done_stays(self, tmp_path: Path) -> None:
        small, large = spec(trials=2, confirm=1), spec(trials=5, confirm=2)
        with opened(large, tmp_path / "large") as books:
            run_out(books)
        folder = tmp_path / "grown"
        with opened(small, folder) as books:
            run_out(books)
        before = lines(folder, "trials")
        with opened(large, folder) as books:
            more = run_out(books)
            assert books.finished
        assert lines(folder, "trials")[: len(before)] == before
        assert kinds(more)[:3] == ["search"] * 3  # no arm again
        searched = [line["params"] for line in lines(folder, "trials") if line["kind"] == "search"]
        undisturbed = lines(tmp_path / "large", "trials")
        assert searched == [line["params"] for line in undisturbed if line["kind"] == "search"]
        runs = Counter((one["replicate_of"], one["seed"]) for one in lines(folder, "trials"))
        assert all(count == 1 for (of, _), count in runs.items() if of is not None)
        # each of the chosen has both seeds, whenever they were run
        chosen = {one.replicate_of for one in more if one.kind == "confirm"}
        assert all((of, seed) in runs for of in chosen for seed in seeds(large))
        assert {0, 1, 2, 3} <= chosen

    def test_no_choice_while_searched_trials_are_to_come(self, tmp_path: Path) -> None:
        """A budget that grew, old confirmation runs going on, and a suggestion that takes its time."""
        budget = {"sampler": "gp", "startup": 1}
        with opened(spec(trials=2, search=budget), tmp_path) as books:
            for _ in range(7):
                one = books.next()
                assert one is not None
                train(books, one)
            going = books.next()
            assert going is not None
            assert going.kind == "confirm"
        with opened(spec(trials=6, search=budget), tmp_path) as books:
            again = books.next()
            assert again == going
            seen = []
            while len(seen) < 4:
                one = books.next()
                if one is not None:
                    seen.append(one)
            assert kinds(seen) == ["search"] * 4
            assert [one.number for one in seen] == [going.number + n for n in (1, 2, 3, 4)]


class TestLog:
    def test_a_suggestion_is_its_line(self, tmp_path: Path) -> None:
        with opened(spec(trials=2, confirm=1), tmp_path) as books:
            done = run_out(books)
        assert [Suggestion.read(line) for line in lines(tmp_path, "asked")] == done
        assert [one.line() for one in done] == lines(tmp_path, "asked")
        assert {field.name for field in dataclasses.fields(Suggestion)} == set(done[0].line())

    def test_a_log_without_a_trial_that_has_ended_is_refused(self, tmp_path: Path) -> None:
        with opened(spec(), tmp_path) as books:
            run_out(books)
        (tmp_path / "asked.jsonl").write_text("")
        with pytest.raises(ConfigError, match=r"asked.jsonl lacks trials .* \(0, 1, 2, 3, 4, \.\.\.\)"):
            Agenda(spec(), Search(spec(), None), [], lines(tmp_path, "trials"))

    def test_an_arm_whose_line_was_taken_out_runs_once_more(self, tmp_path: Path) -> None:
        study = spec(trials=1, confirm=0)
        with opened(study, tmp_path) as books:
            one = books.next()
            assert one is not None
            assert one.name == "dense"
            for _ in range(2):
                books.next()
        whole = (tmp_path / "asked.jsonl").read_bytes().splitlines(keepends=True)
        (tmp_path / "asked.jsonl").write_bytes(b"".join(whole[1:]))
        with opened(study, tmp_path) as books:
            done = run_out(books)
        assert [one.name for one in done] == ["linear", "sine", "dense", "slats", None]
        assert [one.number for one in done] == [1, 2, 3, 4, 5]


def test_what_has_ended_by_its_rows_is_not_handed_out(tmp_path: Path) -> None:
    with opened(spec(), tmp_path) as books:
        first, second = books.next(), books.next()
        assert first is not None
        assert second is not None
        train(books, first)
        copied(tmp_path, tmp_path.with_name("copy"))
    folder = tmp_path.with_name("copy")
    (folder / "trials.jsonl").write_text("")  # as if killed between the last row and the line
    with opened(spec(), folder) as books:
        assert [line["number"] for line in books.ended] == [first.number]
        again = books.next()
    assert again == second
    assert isinstance(books, Recorder)
