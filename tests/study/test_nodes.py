"""Two real Ray nodes on loopback, one of which sees another folder; GPUs that are only declared (-m slow)."""

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
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.study.bits import inconsistencies

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
HEAD, OTHER = "127.0.0.2", "127.0.0.3"


class Cluster:
    """``blind``: a folder that is another one, empty, on the second node. Ended by process ids."""

    def __init__(self, scratch: Path, blind: Path, gpus: int) -> None:
        with socket.socket() as probe:
            probe.bind((HEAD, 0))
            port = probe.getsockname()[1]
        token = scratch / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        self.environment = kept | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self.address = f"{HEAD}:{port}"
        self.nodes: list[subprocess.Popen[bytes]] = []
        ray = [sys.executable, "-m", "ray.scripts.scripts"]
        common = ["--num-cpus=2", f"--num-gpus={gpus}", "--object-store-memory=80000000", "--block"]
        head = [
            *ray,
            "start",
            "--head",
            f"--node-ip-address={HEAD}",
            f"--port={port}",
            "--include-dashboard=false",
        ]
        self._start([*head, f"--temp-dir={scratch}", *common])
        other = [*ray, "start", f"--address={self.address}", f"--node-ip-address={OTHER}", *common]
        hidden = f'mount -t tmpfs none {blind} && exec "$@"'
        self._start(["unshare", "--mount", "--propagation=private", "sh", "-c", hidden, "sh", *other])

    def _start(self, command: list[str]) -> None:
        self.nodes.append(
            subprocess.Popen(
                command,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        time.sleep(5)

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *argv]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )

    def launch(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "study.launch", "--address", self.address, *argv)

    def until_both_are_there(self) -> None:
        code = f"import ray; ray.init('{self.address}', logging_level=50); "
        code += "print(sum(node['Alive'] for node in ray.nodes()))"
        for _ in range(30):
            if any(node.poll() is not None for node in self.nodes):
                break
            if self.run("-c", code).stdout.strip() == "2":
                return
        pytest.fail("two nodes did not come up; is the machine overloaded?")

    def end(self) -> None:
        for node in reversed(self.nodes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGTERM)
            try:
                node.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
                node.wait()


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Path, Path]]:
    """A folder that both nodes see, and one that only the head sees."""
    scratch = Path(tempfile.mkdtemp(prefix="sn-", dir="/tmp"))
    (scratch / "all").mkdir()
    (scratch / "head").mkdir()
    yield scratch / "all", scratch / "head"
    shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(places: tuple[Path, Path]) -> Iterator[Cluster]:
    if os.getuid() or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, to give a node another mount")
    scratch = Path(tempfile.mkdtemp(prefix="sr-", dir="/tmp"))
    found = Cluster(scratch, places[1], gpus=2)
    try:
        found.until_both_are_there()
        yield found
    finally:
        found.end()
        shutil.rmtree(scratch, ignore_errors=True)


TINY = ["--trials", "1", "--epochs", "1", "--confirm", "0", "--schedulers", "slats", "--device", "cpu"]
TINY += ["--accuracy-floor", "0"]


@pytest.mark.parametrize("how", ["--output", "--storage"])
def test_a_node_that_does_not_see_it_is_named(
    how: str, cluster: Cluster, places: tuple[Path, Path], tmp_path: Path
) -> None:
    _, head = places
    rest = [] if how == "--output" else ["--output", str(tmp_path)]
    done = cluster.launch("--name", "blind", *TINY, how, str(head), *rest)
    assert done.returncode == 2, done.stdout + done.stderr
    first, advice = done.stderr.strip().splitlines()[-2:]
    assert first.startswith(
        f"error: storage: node {socket.gethostname()} ({OTHER}) does not see {head / 'blind'}: "
    )
    assert "is not there" in first
    assert "nearest valid: mount it there, or name what all nodes see with --storage" in advice
    assert "Traceback" not in done.stderr
    assert list(head.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_what_all_see_carries_a_study(cluster: Cluster, places: tuple[Path, Path], tmp_path: Path) -> None:
    """Its folder on the head's own disk, its checkpoints where both nodes see them."""
    every, head = places
    done = cluster.launch("--name", "seen", *TINY, "--output", str(head), "--storage", str(every))
    assert done.returncode == 0, done.stdout + done.stderr
    assert inconsistencies(head / "seen") == []
    for name in ("study.json", "trials.jsonl", "epochs.jsonl", "report.html"):
        assert (every / "seen" / name).read_bytes() == (head / "seen" / name).read_bytes()
    assert list((every / "seen").glob("probe-*")) == []
    assert list((head / "seen" / "checkpoints").iterdir()) == []
    assert len(list((every / "seen" / "checkpoints").glob("trial-*.pt"))) >= 4  # the arms


def test_a_trial_that_no_node_holds_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    asked = ["--cpus-per-trial", "3", "--gpus-per-trial", "4", "--memory-gib-per-trial", "4000"]
    done = cluster.launch("--name", "huge", *TINY, *asked, "--output", str(tmp_path))
    assert done.returncode == 2, done.stdout + done.stderr
    (problem,) = done.stderr.strip().splitlines()
    assert "a trial asks 3 CPUs, 4 GPUs, 4000.0 GiB of memory; " in problem
    assert f"({HEAD}) has 2 CPUs, 2 GPUs, " in problem
    assert f"({OTHER}) has 2 CPUs, 2 GPUs, " in problem
    assert "nearest valid: --cpus-per-trial 2 --gpus-per-trial 2 --memory-gib-per-trial " in problem
    assert list(tmp_path.iterdir()) == []


LATE = """
import ray, sys
ray.init(sys.argv[1], logging_level=50)
from study.nodes import storage
storage.LOOK_S = 0.1
nodes = {node.name.partition("(")[2].rstrip(")"): node for node in storage.nodes()}
import threading
told, heard = [], threading.Event()
def tell(text):
    told.append(text)
    heard.set()
with storage.Newcomers(sys.argv[2], [nodes[sys.argv[3]]], tell):
    heard.wait(300)
print(len(told), told[0])
"""


def test_a_node_that_joined_since_the_check_is_a_newcomer(
    cluster: Cluster, places: tuple[Path, Path]
) -> None:
    """It is there before anybody looks for newcomers, and was not among those that were checked."""
    done = cluster.run("-c", LATE, cluster.address, str(places[1]), HEAD)
    told = f"1 storage: node {socket.gethostname()} ({OTHER}) does not see {places[1]}: "
    assert done.stdout.startswith(told), done.stderr
    assert done.stdout.endswith("its trials will not go on elsewhere\n")


def test_gpus_that_ray_believes_in_and_torch_does_not_find(cluster: Cluster, tmp_path: Path) -> None:
    """As with a driver that is older than torch's CUDA: no trial trains on the CPU in silence."""
    asked = ["--gpus-per-trial", "0.5", "--retries", "1", "--output", str(tmp_path)]
    done = cluster.launch("--name", "gone", *TINY, *asked, "--device", "auto")
    lines = [json.loads(line) for line in (tmp_path / "gone" / "trials.jsonl").read_text().splitlines()]
    assert lines, done.stdout + done.stderr
    assert {line["state"] for line in lines} == {"FAIL"}
    for line in lines:
        assert line["error"].startswith("in epoch 1, 2 times: Ray gave it 0.5 GPUs on ")
        assert "and torch finds none there" in line["error"]


def test_without_gpus_trials_stay_on_the_cpu(cluster: Cluster, tmp_path: Path) -> None:
    asked = ["--gpus-per-trial", "0", "--device", "auto", "--output", str(tmp_path)]
    done = cluster.launch("--name", "none", *TINY, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert inconsistencies(tmp_path / "none") == []


SHARING = """
import ray, sys, time
ray.init(sys.argv[1], logging_level=50)
from study.nodes.probe import nodes
from study.resources import decide
from study.spec import Resources
share = decide(Resources(gpus_per_trial=0.5, cpus_per_trial=0.5), 0, "auto", nodes())

@ray.remote(num_cpus=share.cpus, num_gpus=share.gpus)
class Trial:
    def where(self):
        return ray.get_runtime_context().get_node_id(), tuple(ray.get_gpu_ids())

trials = [Trial.remote() for _ in range(share.slots)]
places = ray.get([trial.where.remote() for trial in trials], timeout=300)
one_more = Trial.remote()
ready, _ = ray.wait([one_more.where.remote()], timeout=5)
print(share.slots, sorted(places.count(place) for place in set(places)), len(ready))
"""


def test_fractions_fill_the_gpus_that_ray_believes_in(cluster: Cluster) -> None:
    """Two nodes with two each, half a one a trial: eight trials, two on each, and not one more."""
    done = cluster.run("-c", SHARING, cluster.address)
    assert done.stdout.strip() == "8 [2, 2, 2, 2] 0", done.stderr
