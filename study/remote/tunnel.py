"""The job server's address on this machine, and whether it lets us in: ssh, one request, the token."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from study.remote import agent, frames
from study.remote.agent import Frame
from study.remote.route import TOKEN, Route
from trainables.errors import ConfigError

PATIENCE_S = 15.0  # for ssh to connect: past its own ConnectTimeout, so that ssh says what is wrong
MOST_WORDS = 2**16  # bytes of what ssh and the head's shell say at the beginning
ANSWER_S = 4.0  # for the job server's first answer
SSH_FAILED = 255  # ssh's exit status where ssh itself failed; others are those of what ran there
CLOUD_S = 60.0  # for a cloud to say where the head is
INSTALL = "pip install 'spinetune[cluster]'"  # ray[default]


class NoWayError(ConfigError):
    """The cluster cannot be reached, or does not let us in."""


@dataclass(frozen=True)
class Way:
    """A job server's URL as it can be asked from here."""

    url: str
    holds: Callable[[], bool] = lambda: True  # False: the tunnel has ended, its port may be anybody's by now


@contextmanager
def opened(route: Route) -> Iterator[Way]:
    """The way to the job server behind ssh, for the length of the block."""
    head = head_of(route)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C is for us.
        process = subprocess.Popen(
            route.tunnel(head, port),
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
        try:
            _until_open(process, f"{route.user}@{head}", words.fileno())
            yield Way(f"http://127.0.0.1:{port}", lambda: process.poll() is None)
        finally:
            process.terminate()
            process.communicate()


def directly(url: str) -> None:
    """No proxy for a server on this machine: a proxy would ask its own, and see the token.

    Both spellings, because some libraries prefer the one and some the other.
    """
    host = urllib.parse.urlsplit(url).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        for name in ("no_proxy", "NO_PROXY"):
            before = os.environ.get(name) or os.environ.get(name.swapcase()) or ""
            if host not in before.split(","):
                os.environ[name] = ",".join(filter(None, [before, host]))


def _until_open(process: subprocess.Popen[bytes], whom: str, words: int) -> None:
    """Wait until ssh itself listens at the port; ``words``: the file that it writes to.

    That somebody listens there would not do: the port was free for a moment, and whoever took it would be
    sent the token. But ssh runs the ``cat`` there only once it listens here (ExitOnForwardFailure), and
    nobody else knows the word that comes back.
    """
    word = secrets.token_hex(16).encode()
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # ssh has ended
        process.stdin.write(word + b"\n")
        process.stdin.flush()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        # pread: ssh goes on writing where it is
        if word in os.pread(words, MOST_WORDS, 0):
            return
        time.sleep(0.05)
    said = os.pread(words, MOST_WORDS, 0).decode(errors="replace").strip().splitlines() or ["no answer"]
    changed = next((line for line in said if "HOST IDENTIFICATION HAS CHANGED" in line), None)
    why = "its host key has changed; if that is right: ssh-keygen -R HOST" if changed else said[-1].strip()
    raise NoWayError([f"--submit: ssh does not reach the head as {whom}: {why}"])


def ask(route: Route, request: Frame) -> Iterator[Frame]:
    """The agent's frames over ssh: works with any Python there, and when Ray is down.

    Raises OSError (with no number) where the connection breaks, NoWayError where the head has no Python.
    """
    program = Path(agent.__file__).read_text(encoding="utf-8")
    program = f"import sys\nsys.argv[1:] = [{json.dumps(request)!r}]\nexec({program!r})\n"
    head = head_of(route)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as words:
        source.write(program.encode())
        source.seek(0)
        process = subprocess.Popen(
            route.shell(head, "python3 -u -"),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=words,
            start_new_session=True,
        )
        assert process.stdout is not None
        answered = False
        try:
            for line in process.stdout:
                answered |= line.startswith(agent.MARK.encode())
                if not line.endswith(b"\n"):
                    break  # cut off; ssh says why
                frame = frames.read(line)
                if frame is None:
                    continue
                if frame.get("end"):
                    return
                yield frame
            status = process.wait()
            words.seek(0)
            said = words.read().decode(errors="replace").strip().splitlines()
            why = said[-1].strip() if said else "the connection was closed"
            if not answered and status >= 0 and status != SSH_FAILED:  # negative: of a signal, here
                raise NoWayError(
                    [
                        f"--submit: python3 does not answer as {route.user}@{head} ({why}; exit status "
                        f"{status}); studies there are read with it: it must be on that user's PATH"
                    ]
                )
            raise OSError(why)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@cache
def head_of(route: Route) -> str:
    """The head's address; NoWayError where nobody knows it."""
    if shutil.which("ssh") is None:
        raise NoWayError(["--submit: there is no ssh on this machine; install OpenSSH's client"])
    return route.head or _cloud_head(route)


def _cloud_head(route: Route) -> str:
    """Ray asks the cloud."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "get-head-ip", str(route.file)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLOUD_S, check=False)
        words = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    except subprocess.TimeoutExpired:
        done, words = None, [f"no answer within {CLOUD_S:.0f} s"]
    if done is None or done.returncode != 0 or not words:
        why = words[-1] if words else "no answer"
        raise NoWayError(
            [f"--submit: 'ray get-head-ip {route.file}' finds no head: {why}; is it up (ray up)?"]
        )
    return words[-1].strip()


def token(route: Route | None) -> tuple[str | None, str]:
    """The cluster's token and where it is from: the environment, what cluster.yaml sends, Ray's own file."""
    if "RAY_AUTH_TOKEN" in os.environ:
        return os.environ["RAY_AUTH_TOKEN"].strip(), "RAY_AUTH_TOKEN"
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    files = [Path(given)] if given else [route.token] if route and route.token else []
    for file in files or [Path(TOKEN).expanduser()]:
        with contextlib.suppress(OSError, ValueError):
            return file.read_text().strip(), str(file)
        return None, str(file)
    return None, TOKEN


def check(url: str, token: tuple[str | None, str], where: str) -> str:
    """The Ray version of the job server at ``url``; NoWayError where none answers or lets us in.

    ``where`` is the server's place in people's words.
    """
    value, origin = token
    request = urllib.request.Request(f"{url}/api/version")
    if value:
        request.add_header("Authorization", f"Bearer {value}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as response:
            return str(json.loads(response.read(65536))["ray_version"])
    except urllib.error.HTTPError as error:
        raise NoWayError([refusal(error.code, where, value is not None, origin)]) from None
    except (ValueError, KeyError, TypeError):
        raise NoWayError([f"address: what answers at {where} is no Ray job server"]) from None
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise NoWayError([silence(where, str(why) or type(error).__name__)]) from None


def refusal(status: int, where: str, given: bool, origin: str) -> str:
    """What an HTTP status of the job server means."""
    if status == 401 or (status == 403 and not given):
        return (
            f"the cluster wants a token and there is none ({origin}); copy the head's {TOKEN} there, mode 600"
        )
    if status == 403:
        return f"the cluster does not accept the token of {origin}; it must be that of the head's {TOKEN}"
    return f"address: what answers at {where} is no Ray job server (HTTP status {status})"


def silence(where: str, why: str) -> str:
    """No answer: what may be missing."""
    up = f"is the cluster up (ray up), and ray[default] installed on its head ({INSTALL})?"
    return f"no job server answers at {where} ({why}); {up}"


def check_client() -> None:
    """NoWayError unless Ray's job client is installed here."""
    if any(find_spec(name) is None for name in ("aiohttp", "requests", "aiohttp_cors")):
        raise NoWayError([f"sending jobs to a cluster needs ray[default] on this machine too: {INSTALL}"])


def check_version(there: str) -> None:
    """NoWayError where the cluster's Ray is of another release than this project's code runs on."""
    here = version("ray")
    if there.split(".")[:2] != here.split(".")[:2]:
        raise NoWayError([f"the cluster runs Ray {there}, this project Ray {here}; install the same on both"])
