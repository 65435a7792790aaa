"""Ray's own job client, and who listens to a job through it, where the server fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from study.nodes import jobs
from study.remote import follow
from study.remote.agent import MARK, Frame
from study.remote.agent import answers as ask
from tests.study.remote.job_server import Head, serving
from tests.study.remote.test_agent import finished
from tests.study.remote.test_follow import console, written
from trainables.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore:ssl=None is deprecated")  # Ray's client


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    with serving(monkeypatch) as started:
        yield started


@pytest.fixture
def server(head: Head) -> jobs.Server:
    return jobs.Server(head.url, None, "none")


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED"])
@pytest.mark.parametrize("log", ["", MARK + '{"a": 1}\n', MARK + '{"a": 1}\n' + MARK + '{"b": [1, 2'])
def test_an_answer_that_breaks_off_is_a_lost_connection(
    log: str, state: str, head: Head, server: jobs.Server
) -> None:
    head.log, head.takes = log, state
    frames: list[dict[str, int]] = []
    with pytest.raises(OSError, match=r"break|broke") as lost:
        frames.extend(server.ask({"ask": "list", "roots": []}))
    assert lost.value.errno is None
    assert frames == [{"a": 1}] * bool(log)


def test_an_agent_that_failed_is_not_asked_again(head: Head, server: jobs.Server) -> None:
    head.takes = "FAILED"
    with pytest.raises(ConfigError, match="gives no answer: why"):
        list(server.ask({"ask": "list", "roots": []}))


def heard(words: jobs.Words) -> jobs.Words:
    words.start()
    words.join(60)
    assert not words.is_alive()
    return words


def test_words_wait_for_a_job_server_and_are_said_once(head: Head, server: jobs.Server) -> None:
    """It is away at first, as after a reconnect; the thread neither dies nor begins again."""
    head.states["job"], head.log = "SUCCEEDED", "one\ntwo\n"
    there = iter([None] * (jobs.FAILURES + 1))
    over: list[bool | None] = []
    said: list[str] = []

    def served() -> jobs.Server | None:
        over.append(words.over())
        return next(there, server)

    words = jobs.Words(served, "job", said.append)
    assert heard(words).end == (0, "why")
    assert said == ["one", "two"]
    assert over == [False] * jobs.FAILURES + [None, None]
    assert words.over() is True


def test_a_restarted_head_has_forgotten_the_job_and_the_files_decide(
    head: Head, server: jobs.Server, tmp_path: Path
) -> None:
    finished(tmp_path / "made")
    said: list[str] = []
    words = heard(jobs.Words(lambda: server, "job", said.append))
    assert (words.end, words.over()) == (None, None)
    assert len(said) == 1
    assert said[0].startswith("no more words of the driver: the cluster's job server refuses: ")
    place = console()

    def soon(request: Frame) -> Iterator[Frame]:
        return ask(request | {"look_s": 0.0})

    watched = follow.follow(soon, "made", [str(tmp_path)], place, words.over)
    assert watched is not None
    assert follow.last_words(watched, place) == 0
    assert written(place)[-1].endswith(", 7 trials")
    assert follow.follow(soon, "none", [str(tmp_path)], place, words.over) is None
