"""Links that break and heads that lack something: an ``ssh`` on PATH whose head is this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from study import launch
from study.remote import follow, frames, route, tunnel
from study.remote.agent import MARK, answers
from study.remote.away import Away, There
from study.store import held
from tests.study.remote.test_agent import finished
from tests.study.test_launch_errors import refused

# The file ``cuts`` beside it: so many answers break off inside a line. ``python3``: what is called so there.
SSH = """#!{python}
import os, pathlib, subprocess, sys
home = pathlib.Path(__file__).parent
if sys.argv[-1] == "cat":
    os.execvp("cat", ["cat"])
program = (home / "python3").read_text() if (home / "python3").exists() else sys.executable
command = program + sys.argv[-1].removeprefix("python3")
left = int((home / "cuts").read_text()) if (home / "cuts").exists() else 0
if not left:
    os.execvp("sh", ["sh", "-c", command])
(home / "cuts").write_text(str(left - 1))
out = subprocess.run(command, shell=True, stdout=subprocess.PIPE).stdout
os.write(1, out[: out.rindex(b"spinetune: ", 0, -40) + 30])  # inside the last frame before the end's
sys.stderr.write("client_loop: send disconnect: Broken pipe\\n")
sys.exit(255)
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


def other(made: Path, root: Path) -> Path:
    """Another study of that name."""
    folder = root / made.name
    shutil.copytree(made, folder)
    study = json.loads((folder / "study.json").read_text()) | {"created_at": "2025-01-01T00:00:00Z"}
    (folder / "study.json").write_text(json.dumps(study))
    return folder


def test_output_is_where_it_is_looked_for(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.move(made, tmp_path / "shared" / "made")
    (line,) = refused([*THERE, "--follow", "made"], capsys)
    assert "no study made (in ~/studies)" in line
    shared = ["--output", str(tmp_path / "shared")]
    assert launch.main([*THERE, "--follow", "made", *shared]) == 0
    assert launch.main([*THERE, "--follow", "made", "--output", "../shared"]) == 0  # below home there
    assert launch.main(["--follow", "made", *shared]) == 0
    assert capsys.readouterr().out.count("7/7") == 3


def test_a_fetch_s_output_is_here_and_may_be_there(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch.main([*THERE, "--fetch", "made", "--output", "near"]) == 0
    assert (Path("near/made/study.json")).read_bytes() == (made / "study.json").read_bytes()
    assert "is in" not in capsys.readouterr().out
    second = other(made, tmp_path / "home" / "far")
    assert launch.main([*THERE, "--fetch", "made", "--output", "far"]) == 0
    assert (Path("far/made/study.json")).read_bytes() == (second / "study.json").read_bytes()
    out = capsys.readouterr().out
    first = "made is in ~/far and in ~/studies; this is the first, the other is at: "
    assert f"{first}python -m study.launch --submit c.yaml --fetch made\n" in out


def test_who_leaves_is_told_the_whole_way_back(ssh: Path, made: Path, tmp_path: Path) -> None:
    shared = tmp_path / "two words"
    folder = other(made, shared)
    study = json.loads((folder / "study.json").read_text()) | {"state": "running"}
    (folder / "study.json").write_text(json.dumps(study))
    argv = [*THERE, "--follow", "made", "--output", str(shared)]
    with (
        held(folder),
        subprocess.Popen(
            [sys.executable, "-m", "study.launch", *argv],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
            # As in a terminal: in the background of a shell the tests, and what they start, ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
    ):
        assert process.stdout is not None
        assert any("7/7" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        *_, last = process.stdout
    assert process.returncode == 130
    back = shlex.join([*THERE, "--follow", "made", "--output", str(shared)])
    assert last == f"detached; made goes on. Come back with: python -m study.launch {back}\n"


def test_the_way_back_from_a_node_and_to_a_folder() -> None:
    node = There(answers, "--address auto", "~/studies")
    assert node.command("--follow", "a").endswith("study.launch --address auto --follow a")
    assert node.command("--follow", "a", "~/studies").endswith("--address auto --follow a")
    assert node.command("--follow", "a", "~/x").endswith("--address auto --follow a --output '~/x'")
    assert node.command("--fetch", "a", "/x").endswith("--address auto --fetch /x/a")
    here = There(answers, "", "studies")
    assert here.command("--follow", "a", "out") == "python -m study.launch --follow a --output out"


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


FORWARDING = """#!{python}
import pathlib, socket, sys, threading
home = pathlib.Path(__file__).parent
listening = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("-L") + 1].split(":")[1])))

def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

def forward():
    while True:
        near = listening.accept()[0]
        far = socket.create_connection(("127.0.0.1", {port}))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()

threading.Thread(target=forward, daemon=True).start()
with (home / "tunnels").open("a") as file:
    file.write(f"{{__import__('os').getpid()}}\\n")
for line in sys.stdin:
    print(line, end="", flush=True)
"""


@pytest.mark.filterwarnings("ignore:ssl=None is deprecated")
@pytest.mark.parametrize("sends", [True, False])
def test_a_tunnel_that_died_is_mended_for_who_listens_to_the_driver(
    sends: bool, ssh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent has an ssh of its own, which need not break: nobody else would notice."""
    from tests.study.remote.job_server import serving

    with serving(monkeypatch) as head, contextlib.ExitStack() as stack:
        (ssh / "ssh").write_text(FORWARDING.format(python=sys.executable, port=head.url.rpartition(":")[2]))
        away = Away("c.yaml", None, sends=sends)
        stack.callback(away.close)
        away.open()
        first = away.served()
        assert first.jobs() == []
        assert away.served() is first
        os.kill(int((ssh / "tunnels").read_text()), signal.SIGKILL)
        while (second := away.served()) is first:  # until the kernel has told
            time.sleep(0.01)
        assert second.jobs() == []
        assert len((ssh / "tunnels").read_text().split()) == 2
        away.close()
        assert away.served() is None
        assert len((ssh / "tunnels").read_text().split()) == 2
