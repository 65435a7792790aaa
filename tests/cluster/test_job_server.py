"""Studies sent to a real head's job server, followed, left, listed and brought home."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(find_spec("aiohttp_cors") is None, reason="needs ray[default]: the extra 'cluster'"),
    pytest.mark.skipif(
        os.getuid() != 0 or shutil.which("unshare") is None,
        reason="a head needs a PID namespace of its own, and that needs root and unshare",
    ),
]
SMALL = ["--trials", "2", "--epochs", "2", "--confirm", "0", "--accuracy-floor", "0", "--slots", "2"]
NET = """
from torch import nn
from myparts import hidden
from spikingjelly.activation_based import layer, neuron

def net(classes=10, channels=1, timesteps=4):
    first = [layer.Flatten(), layer.Linear(64, hidden), neuron.LIFNode()]
    return nn.Sequential(*first, layer.Linear(hidden, classes), neuron.LIFNode())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Head:
    """``ray start --head`` in a PID namespace, with a home of its own; loopback only, tokens on."""

    def __init__(self, folder: Path) -> None:
        self.home, self.port, self.dashboard = folder / "home", free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.dashboard}"
        self.token = self.home / ".ray" / "auth_token"
        self.token.parent.mkdir(parents=True)
        self.token.touch(mode=0o600)
        self.token.write_text(secrets.token_hex(32))
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} | {
            "RAY_AUTH_MODE": "token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",
            "HOME": str(self.home),
        }
        ray = f"ray start --head --block --node-ip-address=127.0.0.1 --port={self.port} --num-cpus=2"
        ray += f" --dashboard-host=127.0.0.1 --dashboard-port={self.dashboard} --temp-dir={folder}/ray"
        ray += f" --ray-client-server-port={free_port()} --object-store-memory=268435456"
        ray += f" --dashboard-agent-listen-port={free_port()}"  # else another Ray's, and no job is taken
        namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self.process = subprocess.Popen(
            [*namespace, *ray.split()],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def until_up(self) -> bool:
        """False where Ray gave up, as it does on an overloaded machine."""
        limit = time.monotonic() + 180
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                return False
            try:
                urllib.request.urlopen(f"{self.url}/api/version", timeout=5)
            except urllib.error.HTTPError:  # it wants a token
                return True
            except OSError:
                time.sleep(0.5)
        return False

    def driver(self) -> int:
        """The process of the study that runs there."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                ours = f"HOME={self.home}".encode() in (process / "environ").read_bytes().split(b"\0")
                if ours and {b"study.launch", b"auto"} <= set(words):
                    return int(process.name)
        raise AssertionError("no driver runs")

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # the namespace dies with its first process
        self.process.wait()

    def launch(self, *argv: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
        laptop = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        return subprocess.Popen(
            [sys.executable, "-m", "study.launch", *argv],
            cwd=cwd,
            env=laptop
            | {"PYTHONPATH": str(ROOT), "RAY_AUTH_TOKEN_PATH": str(self.token), "PYTHONUNBUFFERED": "1"}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # As in a terminal: in the background of a shell the tests, and what they start, ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def said(self, *argv: str, cwd: Path, **environment: str) -> tuple[int, str]:
        process = self.launch(*argv, cwd=cwd, **environment)
        out, _ = process.communicate(timeout=600)
        return process.returncode, out


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    for _ in range(3):
        folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # short: sockets lie in it
        started = Head(folder)
        try:
            if started.until_up():
                yield started
                return
        finally:
            started.end()
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError("no head has started")


def test_sent_followed_listed_brought_home(head: Head, tmp_path: Path) -> None:
    """With a network and its parts from the laptop's current folder, which the head has never seen."""
    (tmp_path / "mynet.py").write_text(NET)
    (tmp_path / "myparts.py").write_text("hidden = 32\n")
    there = ["--address", head.url]
    status, out = head.said(*there, "--name", "sent", "--network", "mynet:net", *SMALL, cwd=tmp_path)
    assert status == 0, out
    assert "with mynet.py, myparts.py;" in out
    assert out.count("accurate") + out.count("PRUNED") + out.count("FAIL:") == 6, out
    assert f"report: {head.home}/studies/sent/report.html" in out
    assert f"bring it home: python -m study.launch --address {head.url} --fetch sent" in out
    assert head.token.read_text() not in out

    status, out = head.said(*there, "--list", cwd=tmp_path)
    assert status == 0, out
    assert out.splitlines()[1].split()[:3] == ["sent", "complete", "6"]

    status, out = head.said(*there, "--fetch", "sent", cwd=tmp_path)
    assert status == 0, out
    for name in ("study.json", "trials.jsonl", "epochs.jsonl", "report.html"):
        home = tmp_path / "studies" / "sent" / name
        assert home.read_bytes() == (head.home / "studies" / "sent" / name).read_bytes()
    study = json.loads((tmp_path / "studies" / "sent" / "study.json").read_text())
    assert study["spec"]["train"]["network"] == "mynet:net"
    assert study["state"] == "complete"

    status, out = head.said(*there, "--name", "sent", *SMALL, cwd=tmp_path)  # a name that is taken there
    assert status == 2, out
    assert "studies/sent exists already" in out

    more = ["--resume", "sent", "--trials", "3"]
    status, out = head.said(*there, *more, cwd=tmp_path)  # mynet is the head's word alone
    assert (status, out.count("\n")) == (2, 1), out
    assert "the study has 'mynet:net', a module" in out
    status, out = head.said(*there, *more, "--network", "mynet:net", cwd=tmp_path)
    assert status == 0, out
    assert "with mynet.py, myparts.py;" in out
    node = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else Ray takes 127.0.0.1 for another address
    status, out = head.said("--list", "--address", f"127.0.0.1:{head.port}", cwd=tmp_path, **node)
    assert status == 0, out  # as from any node's shell
    assert out.splitlines()[1].split()[:3] == ["sent", "complete", "7"]


def test_left_and_come_back_to(head: Head, tmp_path: Path) -> None:
    """Ctrl-C ends the display, not the study; a second one of the name is refused; --follow sees its end.

    Its driver is killed meanwhile, and has a supervisor.
    """
    there = ["--address", head.url]
    long = ["--trials", "4", "--epochs", "6", "--confirm", "0", "--accuracy-floor", "0", "--slots", "2"]
    process = head.launch(*there, "--name", "left", "--supervise", *long, cwd=tmp_path)
    assert process.stdout is not None
    first = next(line for line in process.stdout if "#0 dense" in line or line.startswith("error"))
    assert "#0 dense" in first
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"Come back with: python -m study.launch --address {head.url} --follow left" in out
    status, out = head.said(*there, "--name", "left", *SMALL, cwd=tmp_path)
    assert (status, "left" in out) == (2, True), out
    os.kill(head.driver(), signal.SIGKILL)
    status, out = head.said(*there, "--follow", "left", cwd=tmp_path)
    assert status == 0, out
    assert "supervisor: the driver was killed (SIGKILL); going on in 1 s (restart 1)" in out
    assert "8/8" in out
    assert "Traceback" not in out


def test_who_has_not_the_token_hears_it(head: Head, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("0" * 64)
    argv = ["--address", head.url, "--name", "none", *SMALL]
    status, out = head.said(*argv, cwd=tmp_path, RAY_AUTH_TOKEN_PATH="wrong")
    assert (status, out.count("\n")) == (2, 1), out
    assert "the cluster does not accept the token of wrong" in out
    status, out = head.said(*argv, cwd=tmp_path, RAY_AUTH_TOKEN_PATH="missing")
    assert (status, out.count("\n")) == (2, 1), out
    assert "the cluster wants a token and there is none (missing)" in out
    assert not (head.home / "studies" / "none").exists()
