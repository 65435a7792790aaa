"""Ray's job server: studies sent to it, their words, and answers of the agent that runs there as a job."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from study.remote import agent, frames
from study.remote.agent import Frame
from trainables.errors import ConfigError, said

ASK = "spinetune-ask-"  # submission ids of the agent's jobs
STUDY = "spinetune-study-"  # and of studies
STOP_S = 120  # that a study gets to save itself when its job is stopped; Ray's default is 3
AGAIN_S = 1.0  # between two tries to hear a job's words
FAILURES = 10  # of these in a row: then others need not wait for it
ENDED = {"SUCCEEDED": 0, "STOPPED": 130, "FAILED": 1}  # exit status where the job tells none


class LostError(OSError):
    """The connection broke, or the server went away: try again."""


class Server:
    """A job server at ``url``. Every method raises LostError where the connection breaks."""

    def __init__(self, url: str, token: str | None, token_file: str) -> None:
        # Ray prefers these to what it is told.
        os.environ["RAY_API_SERVER_ADDRESS"] = url
        os.environ["RAY_AUTH_MODE"] = "token" if token else "disabled"
        if token and token_file != "RAY_AUTH_TOKEN":
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(Path(token_file).absolute())
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray.job_submission import JobSubmissionClient

        for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
            logging.getLogger(name).setLevel(logging.ERROR)
        with _lost():
            self._client = JobSubmissionClient(url)

    def jobs(self) -> list[Any]:
        """The studies among the server's jobs, newest first: Ray's JobDetails."""
        with _lost():
            jobs = [job for job in self._client.list_jobs() if str(job.submission_id).startswith(STUDY)]
        return sorted(jobs, key=lambda job: job.start_time or 0, reverse=True)

    def job(self, name: str, root: str | None = None) -> Any | None:
        """The newest job of a study, in the folder ``root`` if one is told."""
        for job in self.jobs():
            told = job.metadata or {}
            place = told.get("output")
            # Who knows what ~ is there: only two of a kind can differ.
            other = root and place and place != root and place.startswith("~") == root.startswith("~")
            if told.get("study") == name and not other:
                return job
        return None

    def roots(self) -> list[str]:
        """The folders that jobs were told to make study folders in."""
        places = [(job.metadata or {}).get("output") for job in self.jobs()]
        return list(dict.fromkeys(place for place in places if place))

    def submit(self, name: str, output: str, argv: list[str], parcel: Path, env: dict[str, str]) -> str:
        """Send a study; its job's id."""
        when = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        job = f"{STUDY}{name}-{when}-{secrets.token_hex(2)}"
        with _lost():
            self._client.submit_job(
                entrypoint=shlex.join(["python", "-m", "study.launch", *argv]),
                submission_id=job,
                metadata={"study": name, "output": output},
                runtime_env={
                    "working_dir": str(parcel),
                    "env_vars": env | {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S)},
                },
            )
        return job

    def stop(self, job: str) -> None:
        """End a study's job as Ctrl-C would end it."""
        with _lost():
            self._client.stop_job(job)

    def ended(self, job: str) -> tuple[int, str] | None:
        """Exit status of a job and what the server says about its end; None while it is not over."""
        with _lost():
            info = self._client.get_job_info(job)
        status = str(getattr(info.status, "value", info.status))
        if status not in ENDED:
            return None
        code = info.driver_exit_code
        return (ENDED[status] if code is None else int(code)), str(info.message or "")

    def words(self, job: str) -> Iterator[str]:
        """The lines of a job's log from its beginning, until the job is over."""
        rest = ""
        for text in self._tail(job):
            *lines, rest = (rest + text).split("\n")
            yield from lines
        if rest:
            yield rest

    def ask(self, request: Frame) -> Iterator[Frame]:
        """The agent's frames: it runs on the head, as a job of its own, from the code of this project."""
        job = ASK + secrets.token_hex(8)
        with tempfile.TemporaryDirectory(prefix="spinetune-ask") as folder:
            for module in ("study/__init__.py", "study/remote/__init__.py", "study/remote/agent.py"):
                copy = Path(folder, module)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(agent.__file__).parents[2] / module, copy)
            with _lost():
                self._client.submit_job(
                    entrypoint=shlex.join(["python", "-m", "study.remote.agent", json.dumps(request)]),
                    submission_id=job,
                    runtime_env={"working_dir": folder},
                )
        try:
            for line in self.words(job):
                frame = frames.read(line.encode())
                if frame is None:
                    continue
                if frame.get("end"):
                    return
                yield frame
            over = self.ended(job)
            if over is None or over[0] == 0:  # it has more to say, or has said it
                raise LostError("its log breaks off")
            why = over[1].strip().splitlines()[-1:]
            raise ConfigError([f"the cluster's head gives no answer: {(why or ['no reason told'])[-1]}"])
        finally:
            with contextlib.suppress(Exception):  # of a job that is over, or of a server that is gone
                self._client.stop_job(job)

    def _tail(self, job: str) -> Iterator[str]:
        loop = asyncio.new_event_loop()
        source = self._client.tail_job_logs(job)
        try:
            while True:
                with _lost():
                    try:
                        text = loop.run_until_complete(source.__anext__())
                    except StopAsyncIteration:
                        return
                yield text
        finally:
            with contextlib.suppress(Exception):
                loop.run_until_complete(source.aclose())
            loop.close()


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    """Ray's and requests' many ways to say that nobody answers."""
    try:
        yield
    except Exception as error:
        text = said(error)
        status = text.partition("status code ")[2][:1] if isinstance(error, RuntimeError) else ""
        status = str(getattr(error, "status", status))  # of a log that is not there: aiohttp's own
        if status[:1] == "4":  # understood and refused: no use to try again
            raise ConfigError([f"the cluster's job server refuses: {text[:300]}"]) from None
        raise LostError(text[:300]) from error


class Words(threading.Thread):
    """A job's words, said line by line while something else goes on; begins again where a tunnel broke.

    ``server()`` is None while no job server answers.
    """

    def __init__(self, server: Callable[[], Server | None], job: str, say: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self.server, self.job, self.say = server, job, say
        self.end: tuple[int, str] | None = None  # as ``Server.ended`` has it, once all words are said
        self._lost = False  # the job is unknown: a head that was started again
        self._failures = 0  # in a row

    def over(self) -> bool | None:
        """Whether the job has ended and all of its words are said; None where nobody can be asked."""
        if self.end is not None:
            return True
        return None if self._lost or self._failures >= FAILURES else False

    def run(self) -> None:
        """Until the job is over, or nothing more will be heard of it."""
        said_already = 0
        try:
            while self.end is None:
                try:
                    server = self.server()
                    if server is None:
                        raise LostError("no job server answers")
                    for at, line in enumerate(server.words(self.job)):
                        self._failures = 0
                        if at >= said_already:
                            self.say(line)
                            said_already += 1
                    self.end = server.ended(self.job)
                    self._failures = 0
                except LostError:
                    self._failures += 1
                if self.end is None:
                    time.sleep(AGAIN_S)
        except ConfigError as error:
            self.say(f"no more words of the driver: {error.problems[0]}")
        finally:
            self._lost = self.end is None  # whatever the reason: nobody must wait for this thread
