"""A followed study looks like one that runs here: the same display on the recorder and on its files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from study.console import Display
from study.remote import follow
from study.remote.agent import answers as ask
from study.remote.watched import Watched, plain
from tests.study.made import make, opened, run_out, train
from tests.study.remote.test_agent import described, finished
from trainables.errors import ConfigError

Frame = dict[str, Any]


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_display_is_the_recorders(tmp_path: Path) -> None:
    """Drawn in the middle of a study, with trials running, from both sides."""
    spec, folder = make(trials=4), tmp_path / "made"
    with opened(spec, folder, lambda store: store.update(**described(spec), state="running")) as books:
        for _ in range(6):
            suggestion = books.next()
            assert suggestion is not None
            train(books, suggestion)
        books.next()
        request = {"ask": "watch", "name": "made", "roots": [str(tmp_path)], "lease_s": 0}
        (frame,) = ask(request)
        watched = follow.begun("made", frame)
        watched.take(frame)
        drawn = []
        for source in (books, watched):
            place = console()
            display = Display(source, 1, place)
            display.started_at = 0.0
            parts = display.render().renderables
            place.print(parts[0])
            place.print(parts[2])
            drawn.append(written(place))
        assert drawn[0] == drawn[1]
        assert "6/8 trials" in drawn[0][0]
        assert "#6" in drawn[0][1]
        assert watched.outcome.hypervolume == books.outcome.hypervolume > 0


def test_its_lines_are_the_drivers(tmp_path: Path) -> None:
    """In a log file: one line for every ended trial, and the last words."""
    spec, folder, here = make(trials=3), tmp_path / "made", console()
    with opened(spec, folder, lambda store: store.update(**described(spec), state="running")) as books:
        with Display(books, 1, here):
            run_out(books)
        books.store.update(state="complete")
    there = console()
    watched = follow.follow(ask, "made", [str(tmp_path)], there)
    assert watched is not None
    assert follow.last_words(watched, there) == 0
    lines = written(there)
    assert lines[:7] == written(here)
    assert lines[-1] == f"hypervolume {watched.outcome.hypervolume:.4f}, 7 trials"


def test_a_broken_connection_is_mended_and_nothing_is_told_twice(tmp_path: Path) -> None:
    finished(tmp_path / "made")
    mended: list[int] = []

    def breaking(request: Frame) -> Iterator[Frame]:
        for frame in ask(request):
            yield frame
            if not mended:
                raise OSError("the connection was closed")

    place = console()
    follow.AGAIN_S, before = 0.0, follow.AGAIN_S
    try:
        watched = follow.follow(breaking, "made", [str(tmp_path)], place, again=lambda: mended.append(1))
    finally:
        follow.AGAIN_S = before
    assert watched is not None
    assert [line["number"] for line in watched.ended] == list(range(7))
    lines = written(place)
    assert sum("connection lost (the connection was closed)" in line for line in lines) == 1
    assert sum("connected again" in line for line in lines) == 1


@pytest.mark.parametrize(("state", "status"), [("complete", 0), ("interrupted", 130), ("killed", 1)])
def test_the_status_is_the_studys_own(state: str, status: int, tmp_path: Path) -> None:
    finished(tmp_path / "made")
    watched = follow.follow(ask, "made", [str(tmp_path)], console())
    assert watched is not None
    watched.state = state
    assert follow.last_words(watched, console()) == status


def test_no_such_study(tmp_path: Path) -> None:
    assert follow.follow(ask, "none", [str(tmp_path)], console()) is None


def test_a_foreign_study_commands_no_terminal_and_imports_nothing(tmp_path: Path) -> None:
    """Escape sequences are taken out, and the module that a spec names is not looked for."""
    folder = finished(tmp_path / "made")
    text = (folder / "study.json").read_text()
    (folder / "study.json").write_text(text.replace('"digits_net"', '"no_such_module:Net"'))
    log = folder / "trials.jsonl"
    log.write_text(log.read_text().replace('"scheduler": "sine"', '"scheduler": "\\u001b[2Jsine"'))
    place = console()
    assert follow.follow(ask, "made", [str(tmp_path)], place) is not None
    assert "[2Jsine" in "".join(written(place))
    assert "\x1b" not in "".join(written(place))
    assert plain({"a": ["\x9b1m\x07b\n"]}) == {"a": ["1mb\n"]}


@pytest.mark.parametrize("line", ['{"number": 1}', '{"number": 1, "config": 7}'])
def test_damaged_files_are_one_message(line: str, tmp_path: Path) -> None:
    folder = finished(tmp_path / "made")
    (folder / "asked.jsonl").write_text(line + "\n")
    with pytest.raises(ConfigError, match="study made: its files cannot be read here"):
        follow.follow(ask, "made", [str(tmp_path)], console())


def test_words_of_the_job_that_the_display_has(capsys: pytest.CaptureFixture[str]) -> None:
    place = console()
    word = follow.word(place)
    for line in [
        "2026-11-23 04:55:26,233\tINFO job_manager.py:581 -- Runtime env is setting up.",
        "Running entrypoint for job x: python -m study.launch",
        "   4/14  #2 sine D/sum(lr) 0.200: 20.45% accurate",
        "#3: its process died; it goes on from its last checkpoint",
        "error: study folder x exists already",
    ]:
        word(line)
    assert written(place) == ["#3: its process died; it goes on from its last checkpoint"]
    assert capsys.readouterr().err == "error: study folder x exists already\n"


def test_watched_survives_a_repeated_line(tmp_path: Path) -> None:
    finished(tmp_path / "made")
    frame = next(ask({"ask": "watch", "name": "made", "roots": [str(tmp_path)], "lease_s": 0}))
    watched = Watched("made", frame)
    watched.take(frame)
    watched.take(frame)
    assert len(watched.ended) == 7
    assert not watched.running


def test_the_plan_is_the_drivers_when_confirmations_are_chosen_and_a_budget_grows(tmp_path: Path) -> None:
    """``--follow`` and ``--list`` count to what the driver counts to, without the data set at hand."""

    def watched() -> Watched:
        frame = next(ask({"ask": "watch", "name": "made", "roots": [str(tmp_path)], "lease_s": 0}))
        return Watched("made", frame)

    for trials in (3, 5):
        spec = make(trials=trials, search={"confirm": 1})
        study = described(spec) | {"state": "running"}
        with opened(spec, tmp_path / "made", lambda store, study=study: store.update(**study)) as books:
            books.next()
            assert watched().planned() == books.agenda.planned()
            for suggestion in list(books.running.values()):
                train(books, suggestion.suggestion)
            run_out(books)
            assert watched().planned() == books.agenda.planned()
            assert sum(watched().planned().values()) == len(books.ended)
