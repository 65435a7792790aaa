"""``clusters/slurm.sbatch`` on a real Slurm of two nodes: a study, stopped, requeued, cancelled, given again.

    apt install slurm-wlm munge iproute2 && pytest -m slow tests/cluster/test_slurm.py      (as root)

Some six minutes on two busy cores.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import site
from tests.study.driver import rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(site.missing() is not None, reason=f"Slurm: {site.missing()}"),
]
SCRIPT = Path(__file__).parents[2] / "clusters" / "slurm.sbatch"
FLAGS = ["--name", "s", "--trials", "6", "--epochs", "12", "--confirm", "0", "--schedulers", "linear,slats"]
PLANNED = 10  # four of them reference arms
# What a stranger gets of a port: the first line of an answer to a request without a token.
ASK = """
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
host = "127.0.0.1" if host in ("*", "0.0.0.0", "[::]") else host.strip("[]").removeprefix("::ffff:")
try:
    with socket.create_connection((host, int(port)), timeout=2) as asked:
        asked.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        print(asked.recv(100))
except OSError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[site.Site]:
    with site.Site(tmp_path_factory.mktemp("slurm"), cpus=2) as here:
        yield here


class Job:
    """A submitted job. Its log and studies lie in ``folder``."""

    def __init__(self, slurm: site.Site, folder: Path, *flags: str, nodes: int, cpus: int) -> None:
        self.slurm, self.folder = slurm, folder
        size = [f"--nodes={nodes}", f"--cpus-per-task={cpus}", "--mem=3000", "--time=30"]
        told = slurm.run("sbatch", "--parsable", *size, str(SCRIPT), *flags, cwd=folder)
        assert re.fullmatch(r"\d+\s*", told), told
        self.number = told.strip()

    @property
    def state(self) -> str:
        """As squeue has it; empty when Slurm has done with the job."""
        return self.slurm.run("squeue", "-h", "-j", self.number, "-o", "%T").strip()

    @property
    def log(self) -> str:
        return (self.folder / f"spinetune-{self.number}.log").read_text()

    def trials(self, study: str = "s") -> list[dict[str, object]]:
        return rows(self.folder / "studies" / study / "trials.jsonl")

    def epochs(self, study: str = "s") -> list[dict[str, object]]:
        return rows(self.folder / "studies" / study / "epochs.jsonl")

    def wait_for(self, trials: int) -> None:
        def enough() -> bool:
            assert self.state in ("PENDING", "RUNNING", "COMPLETING"), self.log
            return len(self.trials()) >= trials

        self.slurm.until(enough)

    def wait(self) -> None:
        self.slurm.until(lambda: self.state in ("", "COMPLETED", "FAILED", "CANCELLED"))
        self.slurm.until(lambda: not self.slurm.processes())

    def listeners(self) -> list[str]:
        """Addresses at which somebody other than Slurm listens."""
        lines = [line.split() for line in self.slurm.run("ss", "-ltnpH").splitlines()]
        slurms = ("slurmd", "slurmctld", "srun")
        return [line[3] for line in lines if not any(f'"{name}"' in line[-1] for name in slurms)]

    def left(self) -> list[str]:
        return [str(path) for path in Path("/tmp").glob(f"st-{self.number}-*")]


def test_stopped_and_requeued_it_resumes_and_completes(slurm: site.Site, tmp_path: Path) -> None:
    job = Job(slurm, tmp_path, *FLAGS, nodes=2, cpus=1)
    job.wait_for(2)
    secrets = [path.read_text() for path in Path("/tmp").glob(f"st-{job.number}-*/token")]
    assert len(secrets) == 2
    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 64
    for path in Path("/tmp").glob(f"st-{job.number}-*"):
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "token").stat().st_mode & 0o777 == 0o600
    assert not any(secrets[0] in title for title in slurm.processes())
    heard = job.listeners()
    assert len(heard) > 8
    assert [at for at in heard if "200 OK" in slurm.run("python", "-c", ASK, at)] == []

    # What --signal=B:TERM@120 sends two minutes before the time limit.
    slurm.run("scancel", "--batch", "--signal=TERM", job.number)
    slurm.until(lambda: "back to the queue" in job.log)
    before = job.trials()
    filed = len(job.epochs())
    slurm.until(lambda: not slurm.processes())
    assert job.left() == []
    assert json.loads((tmp_path / "studies/s/study.json").read_text())["state"] == "interrupted"

    # What Slurm does by itself when a job is preempted: SIGTERM to everything, then SIGKILL.
    job.wait_for(len(before) + 2)
    assert job.trials()[: len(before)] == before
    slurm.run("scontrol", "requeue", job.number)
    slurm.until(lambda: not slurm.processes())
    again = job.trials()
    job.wait()

    lines = job.trials()
    assert "the study is complete" not in job.log
    assert lines[: len(again)] == again
    assert [line["state"] for line in lines] == ["COMPLETE"] * PLANNED, job.log
    assert sorted(int(str(line["number"])) for line in lines) == list(range(PLANNED))
    counts = Counter((row["number"], row["epoch"]) for row in job.epochs())
    assert len(counts) == PLANNED * 12 > filed
    assert set(counts.values()) == {1}
    study = json.loads((tmp_path / "studies/s/study.json").read_text())
    assert (study["state"], study["timings"]["slots"]) == ("complete", 2)
    assert (tmp_path / "studies/s/report.html").is_file()
    assert job.log.count("ready n1 198.51.100.11") == job.log.count("ready n2 198.51.100.12") == 3
    assert secrets[0] not in job.log
    assert "Traceback" not in job.log
    assert job.left() == []

    # The same command once more: nothing is left to do, and nothing is done.
    books = (tmp_path / "studies/s/study.json").read_bytes()
    once_more = Job(slurm, tmp_path, *FLAGS, nodes=2, cpus=1)
    once_more.wait()
    assert "the study is complete" in once_more.log
    assert job.trials() == lines
    assert (tmp_path / "studies/s/study.json").read_bytes() == books


def test_one_node_listens_on_the_loopback_and_a_cancelled_job_stays_away(
    slurm: site.Site, tmp_path: Path
) -> None:
    job = Job(slurm, tmp_path, *FLAGS, nodes=1, cpus=2)
    job.wait_for(2)
    heard = job.listeners()
    assert len(heard) > 4
    assert [at for at in heard if not re.search(r"127\.0\.0\.1\]?:\d+$", at)] == []
    slurm.run("scancel", job.number)
    job.wait()
    assert slurm.run("scontrol", "show", "job", "-o", job.number).count("JobState=CANCELLED") == 1
    assert "back to the queue" not in job.log
    assert job.trials()[1:]
    assert job.left() == []


def test_a_driver_that_is_killed_comes_back(slurm: site.Site, tmp_path: Path) -> None:
    job = Job(slurm, tmp_path, *FLAGS, nodes=1, cpus=2)
    job.wait_for(2)
    slurm.run("pkill", "-KILL", "-f", "study.again")
    slurm.until(lambda: "back to the queue" in job.log)
    assert (tmp_path / f".spinetune-{job.number}.deaths").read_text() == "status 137\n"
    job.wait()
    assert [line["state"] for line in job.trials()] == ["COMPLETE"] * PLANNED, job.log
    assert not (tmp_path / f".spinetune-{job.number}.deaths").exists()
    assert job.left() == []


def test_nodes_that_end_first_leave_an_orderly_job(slurm: site.Site, tmp_path: Path) -> None:
    """As where every node's Ray is killed for its memory: srun's descriptors are gone before the driver."""
    job = Job(slurm, tmp_path, *FLAGS, nodes=1, cpus=2)
    job.wait_for(2)
    slurm.run("pkill", "-KILL", "-x", "srun")
    slurm.run("pkill", "-KILL", "gcs_server")
    job.wait()
    assert "unbound variable" not in job.log
    assert "what is filed is safe. Go on with: python -m study.launch --resume s" in job.log
    assert slurm.run("scontrol", "show", "job", "-o", job.number).count("ExitCode=1:0") == 1
    assert job.left() == []


def test_bad_flags_end_the_job_at_once(slurm: site.Site, tmp_path: Path) -> None:
    job = Job(slurm, tmp_path, "--trials", "none", nodes=1, cpus=1)
    job.wait()
    told = slurm.run("scontrol", "show", "job", "-o", job.number)
    assert "ExitCode=2:0" in told
    assert "Restarts=0" in told
    assert "error: search.trials: got" in job.log
    assert not (tmp_path / "studies").exists()
    assert job.left() == []
