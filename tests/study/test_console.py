"""What the progress display says, from hand-made books."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from study.console import Display
from study.record import Recorder
from study.search import Search
from study.spec import StudySpec
from study.store import Store
from tests.study.test_record import row

SPEC = StudySpec.model_validate(
    {"name": "shown", "train": {"epochs": 20}, "space": {"schedulers": ["linear"]}, "search": {"trials": 4}}
)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Recorder]:
    store = Store(tmp_path / "shown")
    search = Search(SPEC, store.folder / "optuna.db")
    yield Recorder(search, store)
    store.close()
    search.close()


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
    assert "0/6 trials" in text
    assert "nothing at 90% sparsity yet" in text
    assert "? left" in text


def test_counts_best_hypervolume_and_time_left(books: Recorder) -> None:
    """Two arms and three searched trials ended, one running at half way; ten seconds each, two slots."""
    finish(books, 0.99, 0.0)
    finish(books, 0.95, 0.99)
    for accuracy, sparsity in ((0.9, 0.8), (0.8, 0.9), (0.7, 0.95)):
        finish(books, accuracy, sparsity)
    running = books.next()
    assert running is not None
    books.row(running.number, row(10, accuracy_val=0.5, sparsity_params=0.25))
    display = Display(books, 2, Console(file=io.StringIO()))
    text = drawn(display)
    assert "5/6 trials" in text
    assert "5 done, 1 running, 0 stopped, 0 failed" in text
    assert "best at >= 90% sparsity: 80.00% (90.0% sparse" in text
    # the searched staircase above chance 0.1: 0.8 x 0.8 + 0.1 x 0.7 + 0.05 x 0.6; the arms do not count
    assert f"hypervolume {0.64 + 0.07 + 0.03:.4f}" in text
    assert display.left_s() == pytest.approx(0.5 * 10 / 2)
    assert "50.0% accurate, 25.0% sparse" in text


def test_a_collapsed_trial_is_nobodys_best(books: Recorder) -> None:
    for accuracy, sparsity in ((0.99, 0.0), (0.98, 0.5), (0.1, 0.99)):
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
    assert "1/6  #0 dense: 99.00% accurate, 0.00% sparse (2.0 s)" in first
    assert "2/6  #1 linear D/sum(lr) 0.200: FAIL: RuntimeError: it broke" in second
