"""Files in the shared place: a folder, or an object store, here on loopback with pyarrow's own client."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from study import storage
from tests.study.s3 import S3
from trainables.errors import ConfigError

STATE = {"config": {}, "model": {"w": torch.arange(6.0)}, "rows": [{"epoch": 1}]}


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patch, S3() as server:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield server


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path)
    server: S3 = request.getfixturevalue("server")
    server.objects.clear()
    return server.url


def test_what_is_written_is_read(place: str) -> None:
    file = storage.join(place, "study.json")
    for data in (b"first", b"second", b"", os.urandom(12_000_000)):  # the last in two parts
        storage.write(file, data)
        assert storage.read(file) == data
    assert storage.names(place) == ["study.json"]
    storage.remove(file)
    storage.remove(file)
    assert storage.names(place) == []
    assert storage.names(storage.join(place, "models")) == []
    with pytest.raises(FileNotFoundError):
        storage.read(file)


def test_a_state_comes_back_and_runs_nothing(place: str, tmp_path: Path) -> None:
    file = storage.join(place, "trial-0001.pt")
    storage.write(file, storage.packed(STATE))
    assert torch.equal(storage.load(file)["model"]["w"], STATE["model"]["w"])
    torch.save(STATE | {"model": {"w": Path}}, tmp_path / "evil.pt")  # a class: reading it would import
    storage.write(file, (tmp_path / "evil.pt").read_bytes())
    with pytest.raises(ConfigError, match="refused") as refused:
        storage.load(file)
    assert str(refused.value).startswith(file)
    storage.write(file, (tmp_path / "evil.pt").read_bytes()[:100])
    with pytest.raises(ConfigError, match="damaged"):
        storage.load(file)
    with pytest.raises(FileNotFoundError):
        storage.load(storage.join(place, "trial-0002.pt"))


WRITER = """
import sys
from study import storage
data = [bytes([byte]) * 20_000_000 for byte in (0, 1)]
storage.write(sys.argv[1], data[0])
print("ready", flush=True)
while True:
    storage.write(sys.argv[1], data[1])
    storage.write(sys.argv[1], data[0])
"""


def test_a_killed_write_leaves_what_was_there_before(place: str) -> None:
    file = storage.join(place, "state")
    draw = random.Random(0)
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", WRITER, file], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(draw.uniform(0.0, 0.2))
            process.send_signal(signal.SIGKILL)
        found = storage.read(file)
        assert len(found) == 20_000_000
        assert found in (bytes(20_000_000), b"\1" * 20_000_000)


def test_an_empty_mount_point_is_no_missing_file(tmp_path: Path) -> None:
    """Where the folder is gone, so is the mount: nothing may be begun anew, nothing written beside it."""
    file = str(tmp_path / "checkpoints" / "trial-0001.pt")
    for action in (lambda: storage.load(file), lambda: storage.read(file), lambda: storage.write(file, b"x")):
        with pytest.raises(OSError, match="is not there") as away:
            action()
        assert not isinstance(away.value, FileNotFoundError)
        assert storage.gone(away.value)
    assert list(tmp_path.iterdir()) == []


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_place_that_comes_back() -> None:
    clock, told = Clock(), list[str]()

    def action() -> str:
        if clock.now < 60:
            raise OSError(errno.ENOTCONN, "not connected")
        return "done"

    found = storage.patiently(action, tell=told.append, clock=lambda: clock.now, sleep=clock.sleep)
    assert found == "done"
    # 0.25 doubled up to 15: 0.25 (2^6 - 1) = 15.75 s, then 15 s each
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]
    assert told == [
        "the storage does not answer (not connected); waiting for it, 10 min at most",
        "the storage answers again after 61 s; nothing was lost",
    ]


def test_a_place_that_stays_away() -> None:
    clock = Clock()

    def action() -> None:
        raise OSError(errno.ESTALE, "stale")

    with pytest.raises(OSError, match="stale"):
        storage.patiently(action, 100.0, clock=lambda: clock.now, sleep=clock.sleep)
    assert clock.now == 100.0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.ENOENT])
def test_what_no_waiting_mends_is_raised_at_once(number: int) -> None:
    clock = Clock()

    def action() -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(OSError, match=os.strerror(number)):
        storage.patiently(action, clock=lambda: clock.now, sleep=clock.sleep)
    assert clock.slept == []


def test_an_object_store_that_is_out(server: S3) -> None:
    """The client's own attempts fail, the store comes back, and nothing is lost."""
    file, told = storage.join(server.url, "row"), list[str]()

    def back(text: str) -> None:
        told.append(text)
        server.down = False

    server.down = True
    storage.patiently(lambda: storage.write(file, b"row"), tell=back, sleep=lambda seconds: None)
    assert storage.read(file) == b"row"
    assert len(told) == 2
    assert "does not answer" in told[0]


def test_a_bucket_that_is_none_is_said_at_once(server: S3) -> None:
    nowhere = server.url.replace("bucket", "bucked", 1)
    with pytest.raises(OSError, match="NO_SUCH_BUCKET") as error:
        storage.patiently(lambda: storage.write(storage.join(nowhere, "x"), b""), sleep=pytest.fail)
    assert not storage.gone(error.value)


@pytest.mark.parametrize(
    ("location", "names", "joined"),
    [
        ("/mnt/all", ("a", "b.pt"), "/mnt/all/a/b.pt"),
        ("s3://bucket/all", ("a", "b.pt"), "s3://bucket/all/a/b.pt"),
        ("s3://bucket", ("a",), "s3://bucket/a"),
        ("gs://bucket/all/?scheme=http", ("a",), "gs://bucket/all/a?scheme=http"),
    ],
)
def test_join(location: str, names: tuple[str, ...], joined: str) -> None:
    assert storage.join(location, *names) == joined


@pytest.mark.parametrize("location", ["/mnt/all", "all", "s3://bucket/all", "gs://anonymous@bucket/all"])
def test_sound_locations(location: str) -> None:
    assert storage.problem(location) is None


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("s4://bucket/all", "unknown kind of storage 's4://': did you mean 's3://'?"),
        ("s3:///all", "names no bucket; nearest valid: s3://BUCKET/FOLDER"),
        (
            "s3://AKIA:SECRET@bucket/all",
            "has a key in it, and would be filed with it; nearest valid: s3://bucket/a",
        ),
    ],
)
def test_unsound_locations_are_told_without_their_secrets(location: str, told: str) -> None:
    problem = storage.problem(location)
    assert problem is not None
    assert told in problem
    assert "SECRET" not in problem
    assert "AKIA:" not in problem
