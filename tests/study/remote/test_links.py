"""Links that break and heads that lack something: an ``ssh`` on PATH whose head is this machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from study import launch
from study.remote import follow, frames, route, tunnel
from study.remote.agent import MARK
from tests.study.remote.test_agent import finished
from tests.study.test_launch_errors import refused

# The file ``cuts`` beside it: so many answers break off inside a line. ``python3``: what is called so there.
SSH = """#!{python}
import os, pathlib, subprocess, sys
home = pathlib.Path(__file__).parent
if sys.argv[-1] == "cat":
    os.execvp("cat", ["cat"])
program = (home / "python3").read_text() if (home / "python3").exists() else sys.executable
done = subprocess.run([program + sys.argv[-1].removeprefix("python3")], shell=True, stdout=subprocess.PIPE)
left = int((home / "cuts").read_text()) if (home / "cuts").exists() else 0
if left:
    (home / "cuts").write_text(str(left - 1))
    frame = done.stdout.rindex(b"spinetune: ", 0, -40)  # the last one before the end's
    os.write(1, done.stdout[: frame + 30])
    sys.stderr.write("client_loop: send disconnect: Broken pipe\\n")
    sys.exit(255)
sys.stdout.buffer.write(done.stdout)
sys.exit(done.returncode)
"""
CLUSTER = "{provider: {type: local, head_ip: 127.0.0.9}, auth: {ssh_user: researcher}}"
THERE = ["--submit", "c.yaml"]


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of that ssh."""
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    for folder in ("bin", "home", "laptop"):
        (tmp_path / folder).mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(SSH.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(follow, "AGAIN_S", 0.0)
    monkeypatch.chdir(tmp_path / "laptop")
    Path("c.yaml").write_text(CLUSTER)
    return program.parent


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A study on the head."""
    return finished(tmp_path / "home" / "studies" / "made")


def test_a_list_over_a_broken_link_is_one_line(
    ssh: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ssh / "cuts").write_text("1")
    (line,) = refused([*THERE, "--list"], capsys)
    assert line == "error: connection lost (client_loop: send disconnect: Broken pipe); try again"
    assert launch.main([*THERE, "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["made", "complete"]


def test_a_fetch_goes_on_after_breaks(ssh: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ssh / "cuts").write_text("3")
    assert launch.main([*THERE, "--fetch", "made"]) == 0
    assert (Path("studies/made/epochs.jsonl")).read_bytes() == (made / "epochs.jsonl").read_bytes()
    assert (ssh / "cuts").read_text() == "0"


def test_a_follower_connects_again(ssh: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ssh / "cuts").write_text("2")
    assert launch.main([*THERE, "--follow", "made"]) == 0
    out = capsys.readouterr().out
    assert out.count("connection lost (client_loop") == 1
    assert out.count("connected again") == 1
    assert out.count("7/7") == 1


@pytest.mark.parametrize("argv", [["--list"], ["--follow", "made"], ["--fetch", "made"]])
def test_a_head_without_python(argv: list[str], ssh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ssh / "python3").write_text("no-such-python3")
    (line,) = refused([*THERE, *argv], capsys)
    assert "python3 does not answer as researcher@127.0.0.9 (" in line
    assert "not found; exit status 127)" in line


@pytest.mark.parametrize("text", ['{"a": [1, 2', "7", "[" * 100_000, "\xff", ""])
def test_what_is_no_whole_frame_is_a_broken_connection(text: str) -> None:
    assert frames.read((MARK + '{"a": 1}\n').encode()) == {"a": 1}
    assert frames.read(text.encode()) is None  # without the mark: somebody else's words
    with pytest.raises(OSError, match="broke inside a line") as lost:
        frames.read((MARK + text).encode())
    assert lost.value.errno is None


LATE = """#!{python}
import os, pathlib, socket, sys, time
home = pathlib.Path(__file__).parent
port = int(sys.argv[sys.argv.index("-L") + 1].split(":")[1])
(home / "port.part").write_text(str(port))
(home / "port.part").rename(home / "port")
while not (home / "go").exists():
    time.sleep(0.01)
listening = socket.socket()
try:
    listening.bind(("127.0.0.1", port))
except OSError as error:
    sys.exit(f"bind [127.0.0.1]:{{port}}: {{error.strerror}}")
listening.listen()
os.set_inheritable(listening.fileno(), True)
print("Welcome to the head", flush=True)
os.execvp("cat", ["cat"])
"""


def late(ssh: Path, before: Callable[[int], None]) -> threading.Thread:
    """An ssh that takes its time to bind its port, and what happens before it does, in a thread."""
    (ssh / "ssh").write_text(LATE.format(python=sys.executable))

    def happen() -> None:
        while not (ssh / "port").exists():
            time.sleep(0.01)
        before(int((ssh / "port").read_text()))
        (ssh / "go").touch()

    thread = threading.Thread(target=happen)
    thread.start()
    return thread


def test_a_port_that_somebody_else_took_first_is_not_spoken_to(ssh: Path) -> None:
    """It would be sent the token."""
    with socket.socket() as thief:
        thief.setblocking(False)

        def steal(port: int) -> None:
            thief.bind(("127.0.0.1", port))
            thief.listen()

        thread = late(ssh, steal)
        with pytest.raises(tunnel.NoWayError, match="Address already in use"):
            tunnel.opened(route.read("c.yaml")).__enter__()
        thread.join()
        with pytest.raises(BlockingIOError):
            thief.accept()


def test_a_tunnel_is_open_once_ssh_listens(ssh: Path) -> None:
    thread = late(ssh, lambda port: None)
    with tunnel.opened(route.read("c.yaml")) as way:
        socket.create_connection(("127.0.0.1", int((ssh / "port").read_text()))).close()
        assert way.url.endswith((ssh / "port").read_text())
        assert way.holds()
    assert not way.holds()
    thread.join()
