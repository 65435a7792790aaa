"""Ray's own job client at a server that fails as a real one does: restarted, or gone in the middle."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from study.nodes import jobs
from study.remote import follow
from study.remote.agent import MARK, Frame
from study.remote.agent import answers as ask
from tests.study.remote.test_agent import finished
from tests.study.remote.test_follow import console, written
from trainables.errors import ConfigError

pytestmark = [
    pytest.mark.skipif(find_spec("aiohttp_cors") is None, reason="needs ray[default]: the extra 'cluster'"),
    pytest.mark.filterwarnings("ignore:ssl=None is deprecated"),  # Ray's client
]


class Head:
    """A job server that knows no job but those in ``states``, and sends ``log`` of each."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.takes = "RUNNING"  # state of a job that is sent
        self.log = ""
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(ready,))
        self.thread.start()
        ready.wait()

    def _serve(self, ready: threading.Event) -> None:
        from aiohttp import web

        async def start() -> None:
            app = web.Application()
            app.router.add_get("/api/version", self._version)
            app.router.add_get("/api/packages/{way}/{name}", self._version)
            app.router.add_post("/api/jobs/", self._take)
            app.router.add_get("/api/jobs/{job}/logs/tail", self._tail)
            app.router.add_get("/api/jobs/{job}", self._info)
            self.runner = web.AppRunner(app)
            await self.runner.setup()
            site = web.TCPSite(self.runner, "127.0.0.1", 0)
            await site.start()
            self.url = "http://{}:{}".format(*self.runner.addresses[0])
            ready.set()

        self.loop.run_until_complete(start())
        self.loop.run_forever()
        self.loop.run_until_complete(self.runner.cleanup())
        self.loop.close()

    async def _version(self, request):
        from aiohttp import web

        return web.json_response({"ray_version": version("ray")})

    async def _take(self, request):
        from aiohttp import web

        job = (await request.json())["submission_id"]
        self.states[job] = self.takes
        return web.json_response({"job_id": job, "submission_id": job})

    async def _info(self, request):
        from aiohttp import web

        job = request.match_info["job"]
        if job not in self.states:
            raise web.HTTPNotFound(text=f"Job {job} does not exist")
        return web.json_response(
            {"type": "SUBMISSION", "entrypoint": "x", "submission_id": job, "status": self.states[job]}
            | {"message": "why", "driver_exit_code": None}
        )

    async def _tail(self, request):
        from aiohttp import web

        if request.match_info["job"] not in self.states:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.log:
            await socket.send_str(self.log)
        await socket.close()
        return socket


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # and what it was, afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(jobs, "AGAIN_S", 0.01)
    started = Head()
    yield started
    started.loop.call_soon_threadsafe(started.loop.stop)
    started.thread.join()


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
