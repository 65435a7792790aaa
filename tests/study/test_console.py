"""What the progress display says, from hand-made books."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from study import ending
from study.console import Display, headline, say
from study.record import Recorder
from tests.study.made import line, make, opened
from tests.study.test_record import row

SPEC = make(4, epochs=20, space={"schedulers": ["linear"]}, search={"sampler": "random"})


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Recorder]:
    with opened(SPEC, tmp_path / "shown") as recorder:
        yield recorder


def finish(books: Recorder, accuracy: float, sparsity: float, seconds: float = 10.0) -> None:
    suggestion = books.next()
    assert suggestion is not None
    books.row(suggestion.number, row(20, accuracy_val=accuracy, sparsity_params=sparsity))
    books.end(suggestion.number)
    books.ended[-1]["ended_at"] = books.ended[-1]["started_at"] + seconds


def drawn(display: Display) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    console.print(display.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_before_anything_has_ended(books: Recorder) -> None:
    text = drawn(Display(books, 2, Console(file=io.StringIO())))
    assert "0/8 trials" in text
    assert "nothing at 90% sparsity yet" in text
    assert "? left" in text


def test_counts_best_hypervolume_and_time_left(books: Recorder) -> None:
    """Four arms and three searched trials ended, one running at half way; ten seconds each, two slots."""
    finish(books, 0.99, 0.0)
    for _ in range(3):
        finish(books, 0.95, 0.99)
    for accuracy, sparsity in ((0.9, 0.8), (0.8, 0.9), (0.7, 0.95)):
        finish(books, accuracy, sparsity)
    running = books.next()
    assert running is not None
    books.row(running.number, row(10, accuracy_val=0.5, sparsity_params=0.25))
    display = Display(books, 2, Console(file=io.StringIO()))
    text = drawn(display)
    assert "7/8 trials" in text
    assert "7 done, 1 running, 0 stopped, 0 failed" in text
    assert "best at >= 90% sparsity: 80.00% (90.0% sparse" in text
    # the searched staircase above chance 0.1: 0.8 x 0.8 + 0.1 x 0.7 + 0.05 x 0.6; the arms do not count
    assert f"hypervolume {0.64 + 0.07 + 0.03:.4f}" in text
    assert display.left_s() == pytest.approx(0.5 * 10 / 2)
    assert "50.0% accurate, 25.0% sparse" in text


def test_a_collapsed_trial_is_nobodys_best(books: Recorder) -> None:
    for accuracy, sparsity in ((0.99, 0.0), (0.98, 0.5), (0.98, 0.5), (0.98, 0.5), (0.1, 0.99)):
        finish(books, accuracy, sparsity)
    assert "nothing at 90% sparsity yet" in drawn(Display(books, 2, Console(file=io.StringIO())))


def test_without_a_terminal_one_line_per_ended_trial(books: Recorder) -> None:
    out = io.StringIO()
    with Display(books, 1, Console(file=out, width=200)):
        finish(books, 0.99, 0.0)
        suggestion = books.next()
        assert suggestion is not None
        books.row(suggestion.number, row(1))
        books.end(suggestion.number, error="RuntimeError: it broke")
    first, second = out.getvalue().splitlines()
    assert "1/8  #0 dense: 99.00% accurate, 0.00% sparse (2.0 s)" in first
    assert "2/8  #1 linear D/sum(lr) 0.200: FAIL: RuntimeError: it broke" in second


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        "FileNotFoundError: [/data/imagenet/train] [b] is not there",  # no tag is open: an error to rich
        "ConfigError: unknown layer [conv1], [red]known[/red]: :warning: conv2",
    ],
)
def test_what_an_error_says_is_printed_as_it_is(error: str, terminal: bool, books: Recorder) -> None:
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=terminal, color_system=None)
    with Display(books, 1, console) as display:
        for _ in range(2):
            suggestion = books.next()
            assert suggestion is not None
            books.end(suggestion.number, error=error)
        console.print(display.render())
        assert books.next() is not None
    during = out.getvalue()
    assert ending.conclude(books.agenda.spec, books, None, console) == ending.INTERRUPTED
    last = out.getvalue()[len(during) :]
    assert during.count(f"FAIL: {error} (") == (0 if terminal else 2)
    assert last.count(f"FAIL: {error} (") == 2
    assert "2 failed" in during


def test_a_terminal_obeys_nobody_else() -> None:
    out = io.StringIO()
    say(Console(file=out, width=20), "OSError: \x1b[2J\x1b]0;[b]title\x07 gone, and a long line", "yellow")
    assert out.getvalue() == "OSError: [2J]0;[b]title gone, and a long line\n"


def test_confirmed_trials_and_their_share_of_the_work(tmp_path: Path) -> None:
    """One searched trial, five configurations with two fresh seeds."""
    spec = make(1, epochs=20, space={"schedulers": ["linear"]}, search={"sampler": "random", "confirm": 2})
    with opened(spec, tmp_path) as books:
        display = Display(books, 1, Console(file=io.StringIO()))
        assert display.planned == 4 + 1 + 2 * 5
        out = io.StringIO()
        with Display(books, 1, Console(file=out, width=200)):
            for _ in range(4):
                finish(books, 0.9, 0.0)
            finish(books, 0.95, 0.9)
            for _ in range(5):
                finish(books, 0.7, 0.9)
            for _ in range(5):
                finish(books, 0.8, 0.94)
        printed = out.getvalue().splitlines()
        assert "15/15  #14 linear" in printed[-1]
        assert "(#4 again): 80.00% accurate" in printed[-1]
        # of the lucky first run no word any more
        text = drawn(display)
    assert "best at >= 90% sparsity: 75.00% (92.0% sparse, linear, mean of 2 fresh seeds)" in text


def runs(
    of: int, accuracies: tuple[float, ...], sparsity: float, floor: float = -0.1
) -> list[dict[str, Any]]:
    return [
        line(
            100 * of + n,
            {"accuracy_val": accuracy, "sparsity_params": sparsity},
            "confirm",
            replicate_of=of,
            violations={"accuracy_floor": floor},
        )
        for n, accuracy in enumerate(accuracies)
    ]


def test_the_headline_is_the_best_mean_that_is_sparse_enough_and_keeps_the_constraints() -> None:
    spec = make(4, search={"confirm": 2})
    ended = runs(1, (0.99, 0.99), 0.89) + runs(2, (0.95, 0.85), 0.9) + runs(3, (0.88, 0.88), 0.95)
    assert "90.00% (90.0% sparse" in str(headline(ended, spec))
    assert "88.00% (95.0% sparse" in str(headline(ended[:2] + ended[3:], spec))  # one seed is missing
    infeasible = runs(4, (0.97, 0.97), 0.9, floor=0.01)
    assert headline([*ended, *infeasible], spec) == headline(ended, spec)
