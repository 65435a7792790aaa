"""A study whose head is lost, checkpoints in moto's S3: the command, Ray, pyarrow's client (-m slow)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import storage
from tests.study.bits import inconsistencies
from tests.study.driver import Driver, rows

PORT = 5567


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(PORT)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            for _ in range(600):
                try:
                    bucket = f"http://127.0.0.1:{PORT}/studies"
                    urllib.request.urlopen(urllib.request.Request(bucket, method="PUT")).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"s3://studies/all?endpoint_override=127.0.0.1:{PORT}&scheme=http&region=us-east-1"
            server.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_new_head_finds_everything_in_the_bucket(url: str, tmp_path: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    argv = ["--name", "lost", "--trials", "2", "--epochs", "30", "--confirm", "0", "--slots", "1"]
    argv += ["--schedulers", "linear,slats", "--device", "cpu", "--storage", url]
    place = storage.join(url, "lost")
    (tmp_path / "a").mkdir()
    first = Driver([*argv, "--output", "head"], tmp_path / "a", scratch)
    states = storage.join(place, "checkpoints")
    try:
        first.until(lambda: len(rows(tmp_path / "a" / "head" / "lost" / "trials.jsonl")) >= 2)
        first.until(lambda: storage.names(states) and len(_there(place, "trials.jsonl")) >= 2)
        first.end({first.process.pid, *first.processes()})
        first.wait()
        filed = _there(place, "trials.jsonl")
        shutil.rmtree(tmp_path / "a")  # the head and its disk

        (tmp_path / "b").mkdir()
        again = Driver(["--resume", "lost", "--output", "new", "--storage", url], tmp_path / "b", scratch)
        assert again.wait(600.0) == 0, again.output()  # the server is slow, and has a core of the two
        assert f"lost goes on from {place}" in again.output()
        folder = tmp_path / "b" / "new" / "lost"
        assert inconsistencies(folder) == []
        lines = (folder / "trials.jsonl").read_bytes().splitlines()
        assert lines[: len(filed)] == filed
        assert len(lines) == 6
        for name in ("study.json", "asked.jsonl", "trials.jsonl", "epochs.jsonl", "report.html"):
            assert storage.read(storage.join(place, name)) == (folder / name).read_bytes()
    finally:
        Driver.end_all()
        shutil.rmtree(scratch, ignore_errors=True)


def _there(place: str, name: str) -> list[bytes]:
    try:
        return storage.read(storage.join(place, name)).splitlines()
    except FileNotFoundError:
        return []
