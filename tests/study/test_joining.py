"""Who gets in: a real Ray on this machine, its sockets, and clients with the right, a wrong and no token."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ray._private.utils import read_ray_address

from study import greeting, joining
from trainables.errors import ConfigError

PROGRAM = """
import sys
from study import cluster
with cluster.running(None):
    import ray  # reads its environment when it is imported: not before it is set
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.readline()
"""


@dataclass(frozen=True)
class LocalRay:
    address: str
    token: str
    group: int  # of its processes
    folder: Path  # all its files
    token_file: Path


@pytest.fixture(scope="module")
def local() -> Iterator[LocalRay]:
    """A local Ray as every study starts one, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as scratch:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment | {"TMPDIR": scratch},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            (token,) = Path(scratch).glob("spinetune-*/token")
            assert token.stat().st_mode & 0o077 == 0
            yield LocalRay(address, token.read_text(), process.pid, Path(scratch), token)
            process.communicate("\n")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without a token; returns where it would lie."""
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    return tmp_path / ".ray" / "auth_token"


def sockets(session: int) -> set[str]:
    """Addresses, as /proc has them, that the processes of a session listen on."""
    inodes = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            links = [str(link.readlink()) for link in (entry / "fd").iterdir()]
        except OSError:  # gone between two reads
            continue
        inodes |= {link[8:-1] for link in links if link.startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:  # LISTEN
                found.add(columns[1].partition(":")[0])
    return found


def test_a_local_ray_listens_on_the_loopback_alone(local: LocalRay) -> None:
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    found = sockets(local.group)
    assert found
    assert found <= loopback


def test_the_token_is_on_no_command_line(local: LocalRay) -> None:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert local.token.encode() not in entry.read_bytes(), entry
        except OSError:
            continue


def holding(folder: Path, text: str) -> tuple[list[Path], dict[str, int]]:
    """The files below a folder that hold a text, and the bytes read of each file's name."""
    found, read = [], {}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            try:
                if not stat.S_ISREG(path.lstat().st_mode):  # a socket, a link
                    continue
                content = path.read_bytes()
            except FileNotFoundError:  # gone between two looks
                continue
            read[path.name] = len(content)
            if text.encode() in content:
                found.append(path)
    return found, read


def test_the_token_is_in_no_log(local: LocalRay) -> None:
    """Nor in any other file but its own, also after clients with a right and a wrong one."""
    host, _, port = local.address.partition(":")
    for shown in (local.token, "0" * 64):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            greeting.status(connection, shown)
    found, read = holding(local.folder, local.token)
    assert found == [local.token_file]
    assert read["gcs_server.out"] > 0  # Ray's logs are where they are looked for
    assert read["raylet.out"] > 0
    logs = next(local.folder.rglob("gcs_server.out")).parent
    leak = logs / "worker-7.out"
    try:
        leak.write_text(f"authorization: Bearer {local.token}\n")
        assert set(holding(local.folder, local.token)[0]) == {local.token_file, leak}
    finally:
        leak.unlink()


@pytest.mark.parametrize(("shown", "status"), [("right", 0), ("wrong", 16), ("none", 16), ("long", 16)])
def test_the_greeting_is_ray_s_own_protocol(local: LocalRay, shown: str, status: int) -> None:
    token = {"right": local.token, "wrong": "0" * 64, "none": None, "long": "0" * 400}[shown]
    host, _, port = local.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        assert greeting.status(connection, token) == status


def launched(address: str) -> tuple[list[str], float]:
    """What a client says, and after how long."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "study.launch", "--address", address, "--output", "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.splitlines(), time.monotonic() - started


def test_a_missing_token_is_said(local: LocalRay, client: Path) -> None:
    (line,), _ = launched(local.address)
    assert f"the Ray at {local.address} asks for a token, and there is none ({client})" in line
    assert f"put the cluster's ~/.ray/auth_token into {client}" in line


def test_a_wrong_token_is_said_and_not_shown(local: LocalRay, client: Path) -> None:
    client.write_text("f" * 64)
    (line,), _ = launched(local.address)
    assert f"refuses the token in {client}" in line
    assert "f" * 64 not in line


def test_each_place_of_a_token_is_named(
    local: LocalRay, client: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "f" * 64)
    with pytest.raises(ConfigError, match=r"refuses the token in RAY_AUTH_TOKEN; .*unset it"):
        joining.check_address(local.address)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ConfigError, match=r"RAY_AUTH_MODE=disabled.*set RAY_AUTH_MODE=token"):
        joining.check_address(local.address)


def test_the_right_token_gets_in(local: LocalRay, client: Path) -> None:
    client.write_text(local.token + "\n")
    assert joining.check_address(local.address) == local.address


def test_auto_is_the_ray_of_this_machine_or_nobody_s(
    local: LocalRay, client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray would look through all processes and wait for any head it finds a trace of."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    for useless in ("", "auto", "http://127.0.0.1:8265"):
        monkeypatch.setenv("RAY_ADDRESS", useless)
        with pytest.raises(ConfigError, match="no Ray was started on this machine"):
            joining.check_address("auto")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(local.address)
    client.write_text(local.token)
    assert joining.check_address("auto") == local.address
    (tmp_path / "ray" / "ray_current_cluster").unlink()
    monkeypatch.setenv("RAY_ADDRESS", local.address)  # as a job has it
    assert joining.check_address("auto") == local.address


def test_auto_is_where_ray_keeps_it(client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same place as Ray itself looks at, in the same order."""
    for place in ("one", "two"):
        (tmp_path / place / "ray").mkdir(parents=True)
        (tmp_path / place / "ray" / "ray_current_cluster").write_text(f"{place}.example:1")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "two"))
    assert joining.current() == read_ray_address() == "two.example:1"
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "one"))
    assert joining.current() == read_ray_address() == "one.example:1"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to make somebody else's file")
def test_another_user_s_ray_is_not_auto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be shown our token."""
    (tmp_path / "ray").mkdir()
    path = tmp_path / "ray" / "ray_current_cluster"
    path.write_text("192.0.2.66:6379")
    os.chown(path, 65534, 65534)
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ConfigError, match=r"which another user wrote \(nobody\); nearest"):
        joining.check_address("auto")


def test_an_address_is_here_where_this_machine_has_it() -> None:
    assert joining.is_here("127.0.0.1")
    assert not joining.is_here("198.51.100.77")
    assert not joining.is_here("no address")
