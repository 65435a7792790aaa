"""A job server for Ray's own client that fails as a real one does: restarted, or gone in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import pytest

from study.nodes import jobs
from study.remote.agent import MARK
from study.remote.agent import answers as ask

pytest.importorskip("aiohttp_cors", reason="needs ray[default]: the extra 'cluster'")
web = pytest.importorskip("aiohttp.web")


class Head:
    """A job server that knows no job but those in ``states``, and sends ``log`` of each.

    Where ``answers``, the agent's jobs are done: each says one frame.
    """

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.takes = "RUNNING"  # state of a job that is sent
        self.log = ""
        self.answers = False
        self.logs: dict[str, str] = {}
        self.sent: list[dict[str, Any]] = []  # studies' jobs as they came
        self.parcels: list[bytes] = []
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(ready,))
        self.thread.start()
        ready.wait()

    def _serve(self, ready: threading.Event) -> None:
        async def start() -> None:
            app = web.Application(client_max_size=2**27)
            app.router.add_get("/api/version", self._version)
            app.router.add_get("/api/packages/{way}/{name}", self._no_package)
            app.router.add_put("/api/packages/{way}/{name}", self._package)
            app.router.add_get("/api/jobs/", self._list)
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

    async def _version(self, request: Any) -> Any:
        return web.json_response({"ray_version": version("ray")})

    async def _list(self, request: Any) -> Any:
        return web.json_response([])

    async def _no_package(self, request: Any) -> Any:
        raise web.HTTPNotFound

    async def _package(self, request: Any) -> Any:
        self.parcels.append(await request.read())
        return web.Response()

    async def _take(self, request: Any) -> Any:
        told = await request.json()
        job = told["submission_id"]
        self.states[job] = self.takes
        if self.answers and job.startswith(jobs.ASK):
            asked = json.loads(shlex.split(told["entrypoint"])[-1]) | {"lease_s": 0}
            self.logs[job] = "".join(f"{MARK}{json.dumps(frame)}\n" for frame in [*ask(asked), {"end": True}])
        elif self.answers:
            self.sent.append(told)
        return web.json_response({"job_id": job, "submission_id": job})

    async def _info(self, request: Any) -> Any:
        job = request.match_info["job"]
        if job not in self.states:
            raise web.HTTPNotFound(text=f"Job {job} does not exist")
        return web.json_response(
            {"type": "SUBMISSION", "entrypoint": "x", "submission_id": job, "status": self.states[job]}
            | {"message": "why", "driver_exit_code": None}
        )

    async def _tail(self, request: Any) -> Any:
        if request.match_info["job"] not in self.states:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if log := self.logs.get(request.match_info["job"], self.log):
            await socket.send_str(log)
        await socket.close()
        return socket


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Head]:
    """One that is up; Ray's environment is as before afterwards."""
    for name in ("RAY_API_SERVER_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
        monkeypatch.delenv(name)
    monkeypatch.setattr(jobs, "AGAIN_S", 0.01)
    started = Head()
    try:
        yield started
    finally:
        started.loop.call_soon_threadsafe(started.loop.stop)
        started.thread.join()
