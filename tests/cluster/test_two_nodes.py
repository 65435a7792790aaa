"""The README's ten commands on two machines: real ray up over real ssh, one machine's Ray killed midway.

As CI runs it, laptop and machines find the tests' own environment. With ``-m slow`` they begin with nothing
and install everything themselves, from wheels that are fetched before: some ten minutes and 25 GB.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.provenance import cores
from tests.cluster.lab import Lab, obstacle
from tests.study.driver import rows

WHY_NOT = obstacle()
pytestmark = [
    pytest.mark.timeout(1500),
    pytest.mark.skipif(WHY_NOT is not None, reason=f"no machines for a cluster here: {WHY_NOT}"),
]

ROOT = Path(__file__).parents[2]
HEAD, WORKER = "192.0.2.10", "192.0.2.11"  # as the README has them
EPOCHS = 100  # a trial lasts some seconds: one is hit when the machine dies
# Trials that do not follow from results, none of which collapses; at once one more than a machine has cores:
# some run on each.
SMALL = f"--trials 4 --sampler sobol --schedulers linear,slats --epochs {EPOCHS} --confirm 0"
SMALL += f" --slots {cores() + 1}"
NODES = ["head", "worker"]
INSTALLED = {"wheels", "getter", ".venv", "spinetune-env"}  # folders of 25 GB that pip alone has written
BUILD = ["setuptools", "wheel"]  # what pip builds the project with


def readme() -> list[str]:
    """The commands of the README's section about clusters."""
    section = (ROOT / "README.md").read_text().partition("\n## On a cluster\n")[2].partition("\n## ")[0]
    return [line.strip() for line in section.partition("\n\n    ")[2].partition("\n\n")[0].splitlines()]


def documented() -> tuple[set[int], set[int]]:
    """Ports at the top of cluster.yaml: those of the network, and those of the head's loopback."""
    outside: set[int] = set()
    loopback: set[int] = set()
    for line in (ROOT / "cluster.yaml").read_text().splitlines():
        if found := re.match(r"#  +(\d+)(?:-(\d+))?  +(.*)", line):
            ports = range(int(found[1]), int(found[2] or found[1]) + 1)
            (loopback if "loopback only" in found[3] else outside).update(ports)
    return outside, loopback


class Story:
    """What happened, command by command; the tests below look at its parts."""

    def __init__(self, lab: Lab, *, installs: bool) -> None:
        self.lab, self.installs = lab, installs
        self.project = lab.home("laptop") / "spinetune"
        self.shared = lab.folder / "shared"
        self.shared.mkdir()
        self.said: list[str] = []
        self.listening: dict[str, set[tuple[str, int]]] = {}
        self.titles: str = ""
        self.environment: dict[str, set[str]] = {}
        self.modes: dict[str, str] = {}
        self.leaked: list[str] = []
        self.listed = ""
        self.left: dict[str, dict[int, str]] = {}

    @property
    def study(self) -> Path:
        """As fetched, on the laptop."""
        return self.project / "studies" / "first"

    @property
    def token(self) -> str:
        return (self.lab.home("laptop") / ".ray" / "auth_token").read_text().strip()

    def typed(self, command: str) -> None:
        """One command on the laptop, to its end."""
        tries = 3 if command.startswith("ray up") else 1  # Ray waits for its parts no longer than it does
        for _ in range(tries):
            done = self.lab.run(self._here(command), self.project)
            self.said.append(done.stdout)
            if done.returncode == 0:
                break
        assert done.returncode == 0, f"{command}\n{done.stdout}"

    def _here(self, command: str) -> str:
        """A command of the README in this test's places."""
        activate = ". .venv/bin/activate; " if self.installs else ""
        return activate + command.replace("/shared", str(self.shared))

    def run(self) -> None:
        """All of it."""
        exclude = [f"--exclude={name}" for name in (".git", "__pycache__", "/studies", ".*_cache", ".venv")]
        subprocess.run(["rsync", "-a", *exclude, f"{ROOT}/", str(self.project)], check=True)
        install, *before, launch, fetch, down = readme()
        if self.installs:
            self._fetch_wheels()
            self.lab.run("python3 -m venv .venv", self.project)
            before.insert(0, install)
        else:  # what the installation would bring
            for node in NODES:
                (self.lab.home(node) / "spinetune-env").symlink_to(Path(sys.executable).parent.parent)
        for command in before:
            self.typed(command)
        self.lab.until(lambda: "ray::RuntimeEnvAgent" in self.lab.processes("worker").values())
        self.lab.until(lambda: "2 local.cluster.node" in self._nodes())
        self._launched(launch)
        self.typed(fetch)
        self._searched_for_the_token()
        self.typed(down)
        for _ in range(60):
            self.left = {node: self._left(node) for node in NODES}
            if not any(self.left.values()):
                break
            time.sleep(0.5)

    def _fetch_wheels(self) -> None:
        """What pip will ask for: no registry can be reached from the machines."""
        wheels, getter = self.lab.folder / "wheels", self.lab.folder / "getter"
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(getter)], check=True)
        pins = ["--constraint", str(self.project / "clusters" / "constraints.txt")]
        wanted = [f"{self.project}[cluster]", *BUILD]
        pip = [str(getter / "bin" / "pip"), "download", "--quiet", "--dest", str(wheels)]
        subprocess.run([*pip, *pins, *wanted], check=True)
        for name in ("laptop", *NODES):
            settings = self.lab.home(name) / ".config" / "pip" / "pip.conf"
            settings.parent.mkdir(parents=True)
            settings.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")

    def _nodes(self) -> str:
        return self.lab.run(self._here("ray exec cluster.yaml 'ray status'"), self.project).stdout

    def _launched(self, command: str) -> None:
        """The study, and in its middle the end of a machine. The one place that knows how it is launched."""
        typed = self._here(command).replace("--name first", f"--name first {SMALL}")
        epochs = self.shared / "studies" / "first" / "epochs.jsonl"
        log = self.lab.folder / "launch.log"
        with log.open("w") as output:
            process = self.lab.start(typed, self.project, output)

        def midway() -> bool:
            assert process.poll() is None, f"ended too early:\n{log.read_text()}"
            return len(rows(epochs)) >= 6 and self._training("worker")

        self.lab.until(lambda: process.poll() is not None or rows(epochs))
        there = f"--address auto --output {self.shared}/studies"
        self.listed = self.lab.on("worker", f"python -m study.launch --list {there}").stdout
        self._watched()
        self.lab.until(midway)
        self.lab.on("worker", "pkill -KILL raylet; pkill -KILL -f ray::")
        status = process.wait()
        self.said.append(log.read_text())
        assert status == 0, self.said[-1]

    def _left(self, node: str) -> dict[int, str]:
        """What still runs. The head's ssh to the worker closes by itself a little later (ControlPersist)."""
        running = self.lab.processes(node).items()
        return {pid: title for pid, title in running if not (title.startswith("ssh: ") and "[mux]" in title)}

    def _training(self, node: str) -> bool:
        """By what its processes do at the moment, or between two epochs."""
        titles = self.lab.processes(node).values()
        return any("ResourceTrainable" in title or "TrialRun" in title for title in titles)

    def _watched(self) -> None:
        """Sockets, titles and threads while trials run on both machines."""
        for node in NODES:
            lines = self.lab.on(node, "ss -Hltn").stdout.splitlines()
            addresses = [line.split()[3].rpartition(":") for line in lines]
            self.listening[node] = {(host, int(port)) for host, _, port in addresses}
            self.titles += self.lab.on(node, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
            raylet = "tr '\\0' '\\n' < /proc/$(pgrep -x raylet)/environ"
            self.environment[node] = set(self.lab.on(node, raylet).stdout.splitlines())
            inside = f"stat -c %a {self.lab.own}; ls {self.lab.own}"
            self.modes[node] = self.lab.on(node, inside).stdout

    def _searched_for_the_token(self) -> None:
        """Every file that holds it and should not: logs of Ray, the study, caches, homes."""
        needle = self.token.encode()
        for path in self.lab.folder.rglob("*"):
            installed = INSTALLED & set(path.relative_to(self.lab.folder).parts)
            if path.is_file() and not installed and needle in path.read_bytes():
                mine = path.name == "auth_token" and path.parent.name == ".ray"
                if not mine or path.stat().st_mode & 0o077:
                    self.leaked.append(str(path))
        self.leaked += [text[:60] for text in [self.titles, *self.said] if self.token in text]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="installed"),
        pytest.param(True, id="from-nothing", marks=pytest.mark.slow),
    ],
)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    lab = Lab({"head": HEAD, "worker": WORKER})
    try:
        result = Story(lab, installs=request.param)
        result.run()
        yield result
    finally:
        lab.close()


def test_there_are_ten_commands() -> None:
    assert len(readme()) == 10


def test_the_study_is_complete_although_a_machine_died(story: Story) -> None:
    lines = rows(story.study / "trials.jsonl")
    assert {line["state"] for line in lines} == {"COMPLETE"}
    assert sorted(line["number"] for line in lines) == list(range(4 + 4))
    assert sum(line["retries"] for line in lines) >= 1
    filed = [(row["number"], row["epoch"]) for row in rows(story.study / "epochs.jsonl")]
    assert len(filed) == len(set(filed)) == 8 * EPOCHS
    assert json.loads((story.study / "study.json").read_text())["state"] == "complete"


def test_the_report_came_home(story: Story) -> None:
    assert b"first" in (story.study / "report.html").read_bytes()


def test_a_worker_s_shell_sees_the_study_run(story: Story) -> None:
    assert re.search(r"^first +running +\d+/8", story.listed, re.MULTILINE), story.listed


def test_only_documented_ports_are_open(story: Story) -> None:
    outside, loopback = documented()
    assert {6379, 6380, 10002} <= outside
    for node in NODES:
        open_ports = {port for host, port in story.listening[node] if not host.startswith(("127.", "[::1]"))}
        ours = {port for host, port in story.listening[node]} - open_ports
        assert {6380, 6381} <= open_ports <= outside
        assert ours <= loopback | outside
    assert 6379 in {port for _, port in story.listening["head"]}
    assert 6379 not in {port for _, port in story.listening["worker"]}


def test_threads_are_ray_s_to_choose(story: Story) -> None:
    for node in NODES:
        assert "RAY_AUTH_MODE=token" in story.environment[node]
        assert [one for one in story.environment[node] if one.startswith("OMP_NUM_THREADS")] == []


def test_ray_s_files_are_nobody_else_s(story: Story) -> None:
    """Ray itself opens its folder to everybody; it lies in one that is closed."""
    assert story.modes == dict.fromkeys(NODES, "700\nray\n")


def test_the_token_is_nowhere_else(story: Story) -> None:
    assert len(story.token) == 64
    assert story.leaked == []


def test_nothing_is_left_on_any_machine(story: Story) -> None:
    assert story.left == {"head": {}, "worker": {}}
