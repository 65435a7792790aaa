"""Does ``--resume`` go on after anything? Studies killed at random moments beside the same ones left alone.

For every seed: one study undisturbed, and the same spec under ``--kills`` kills, resumed after each that ends
the launch, at once and without tidying up, until it is complete. All run as ``python -m study.launch`` on a
local Ray of their own: one slot, float32, one thread, so that a training has one result. Both must hold the
same trials (numbers, parameters, configurations, seeds, states, values, metrics), rows, confirmation runs,
networks and test accuracies, bit for bit except times and retries; Optuna must agree with the log. At the end
a study with two slots, where the order of ends, and with it the draws, depends on the clock: nothing lost,
nothing twice, and every trial's rows equal those of its configuration trained without Ray.

What is killed: the driver (SIGKILL; the most frequent), the process group, a worker; SIGTERM to the driver,
SIGINT to the group, as Ctrl-C. When: one during the start of a launch, one between the last trial and the end
of the report, the others after a random number of filed epochs and a random delay. The seed decides all of
that, though not what the machine is doing at that moment.

Takes about five minutes a pair on two busy cores. ``--work`` keeps the folders; an undisturbed study that
lies there complete is not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study import provenance
from tests.study import bits
from tests.study.driver import Driver, rows
from trainables import checkpoint
from trainables.errors import ConfigError

RESULTS = Path(__file__).parent / "results"
SPEC = (
    "--name chaos --output out --device cpu --precision float32 --threads 1 --epochs 4 --trials 8 --startup 4"
)
SPEC += " --confirm 1 --confirm-at-most 2 --accuracy-floor 0.1"
RESUME = "--resume chaos --output out"
ROWS = 18 * 4  # 4 arms, 8 searched, 4 + 2 confirmed if as many keep the floor, times epochs
LAUNCH_S = 600.0  # a hang ends here
KILL, WORKER = "driver SIGKILL", "worker SIGKILL"
RARE = ["group SIGKILL", "driver SIGTERM", "group SIGINT"]
COLUMNS = "seed slots sampler trials rows kills launches tracebacks not_started begun_again"
COLUMNS += " left_processes left_folders"
Facts = dict[str, Any]


def plan(seed: int, kills: int, whole: int) -> list[Facts]:
    """What is killed when, in a study of ``whole`` rows: after so many (None: at once) and then a delay."""
    draw = random.Random(seed)
    what = [KILL] * (kills - 2) + [WORKER, RARE[seed % 3]]
    draw.shuffle(what)
    last = draw.choice([KILL, KILL, "driver SIGTERM", "group SIGINT"])
    what = [*what[1:-1], what[0], last] if what[-1] == WORKER else what  # none works after the last row
    moments: list[Facts] = [
        {"rows": draw.randrange(1, whole), "delay_s": draw.uniform(0, 1.5)} for _ in what[1:]
    ]
    moments.sort(key=lambda moment: int(moment["rows"]))
    # The first strike of a launch may come while it starts; a worker is not at work then, and lives on after.
    first = [at for at in range(kills - 1) if WORKER not in what[max(at - 1, 0) : at + 1]]
    if first:
        moments[draw.choice(first)] = {"rows": None, "delay_s": draw.uniform(0, 25)}
    moments.append({"rows": whole, "delay_s": draw.uniform(0, 5)})
    return [{"what": name, **moment} for name, moment in zip(what, moments, strict=True)]


class Launch:
    """One launch of a study: its driver, and when it first filed a row."""

    def __init__(self, driver: Driver, filed: Callable[[], int]) -> None:
        self.driver, self.filed = driver, filed
        self.began, self.before = time.monotonic(), filed()
        self.running_s: float | None = None
        self.hit = False

    def until(self, reached: Callable[[], bool]) -> bool:
        """Wait for it; False where the launch ended first."""
        while self.driver.process.poll() is None and not reached():
            if time.monotonic() - self.began > LAUNCH_S:
                sys.exit(f"no end after {LAUNCH_S:.0f} s:\n{self.driver.output()}")
            if self.running_s is None and self.filed() > self.before:
                self.running_s = time.monotonic() - self.began
            time.sleep(0.02)
        return self.driver.process.poll() is None

    def strike(self, kill: Facts) -> bool:
        """Wait for the moment and kill; False where the launch ended first."""
        after, delay_s = kill["rows"], kill["delay_s"]
        if not self.until(lambda: after is None or self.filed() >= after):
            return False
        at = time.monotonic() + delay_s
        if not self.until(lambda: time.monotonic() >= at):
            return False
        aim, name = kill["what"].split()
        number, process = signal.Signals[name], self.driver.process
        if aim == "group":
            os.killpg(process.pid, number)
        elif aim == "driver":
            process.send_signal(number)
        else:
            titles = self.driver.processes().items()
            for pid in [pid for pid, title in titles if "ResourceTrainable" in title][:1]:
                os.kill(pid, number)
        self.hit = True
        return True


class Study:
    """One study in ``root``, launched and resumed; ``scratch`` is the TMPDIR of its launches."""

    def __init__(self, root: Path, scratch: Path, flags: str) -> None:
        self.root, self.scratch, self.flags = root, scratch, flags
        self.folder = root / "out" / "chaos"
        self.begun_again = 0  # a folder without study.json was in the way
        root.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(exist_ok=True)

    @property
    def complete(self) -> bool:
        """Whether it is there already."""
        path = self.folder / "study.json"
        return path.exists() and json.loads(path.read_text())["state"] == "complete"

    def launch(self) -> Launch:
        """Begin it, or go on with it."""
        begun = (self.folder / "study.json").exists()
        if not begun and self.folder.exists():
            self.begun_again += 1
            shutil.rmtree(self.folder)
        argv = RESUME.split() if begun else f"{SPEC} {self.flags}".split()
        return Launch(Driver(argv, self.root, self.scratch), self.filed)

    def filed(self) -> int:
        """Rows in the books."""
        return len(rows(self.folder / "epochs.jsonl"))

    def unsaved(self) -> int:
        """Filed epochs of unfinished trials that their checkpoints lack: they will be trained again."""
        over = {line["number"] for line in rows(self.folder / "trials.jsonl")}
        filed = {row["number"]: row["epoch"] for row in rows(self.folder / "epochs.jsonl")}
        missing = 0
        for number in filed.keys() - over:
            saved = 0
            with contextlib.suppress(OSError, ConfigError):
                path = self.folder / "checkpoints" / f"trial-{number:04d}.pt"
                saved = checkpoint.load(path)["epoch"]
            missing += max(0, filed[number] - saved)
        return missing

    def run(self, kills: list[Facts]) -> Facts:
        """Run to the end through all the kills; what happened."""
        todo, done = list(kills), []
        told: Facts = {"launches": 0, "tracebacks": 0, "not_started": 0, "until_running_s": []}
        status = None
        while status != 0:
            launch = self.launch()
            told["launches"] += 1
            while todo and launch.strike(todo[0]):
                done.append(todo.pop(0) | {"at_rows": self.filed(), "again": self.unsaved(), "exit": None})
                if done[-1]["what"] != WORKER:
                    break
            launch.until(lambda: False)
            status = launch.driver.process.wait()
            output = launch.driver.output()
            told["tracebacks"] += output.count("Traceback")
            (self.root / f"launch-{told['launches']}.log").write_text(output)
            if launch.running_s is not None and told["launches"] > 1:
                told["until_running_s"].append(round(launch.running_s, 1))
            if launch.hit:
                done[-1]["exit"] = status
                if done[-1]["what"] != WORKER:
                    done[-1]["again"] = self.unsaved()
            elif "Ray did not start" in output and told["not_started"] < 3:
                told["not_started"] += 1  # an overloaded machine; the message says to try again
            elif status != 0:
                sys.exit(f"the launch failed:\n{output}")
        left = 0 if launch.driver.gone() else len(launch.driver.processes())
        folders = len(list(self.scratch.glob("spinetune-*")))
        return {"kills": done} | told | {"left_processes": left, "left_folders": folders}


def pair(work: Path, scratch: Path, seed: int, slots: int, kills: int) -> Facts:
    """One study left alone (with one slot) and one killed: what happened, and what differs."""
    sampler = ["auto", "tpe"][seed % 2]
    flags = f"--seed {seed} --search-seed {seed} --sampler {sampler} --slots {slots}"
    calm = Study(work / f"calm-{seed}", scratch / f"c{seed}", flags)
    if slots == 1 and not calm.complete:
        calm.run([])
    shutil.rmtree(work / f"killed-{seed}", ignore_errors=True)  # of a benchmark that was broken off
    killed = Study(work / f"killed-{seed}", scratch / f"k{seed}", flags)
    told = killed.run(plan(seed, kills, calm.filed() or ROWS))
    found = bits.inconsistencies(killed.folder)
    found += bits.differences(calm.folder, killed.folder) if slots == 1 else bits.trained_alone(killed.folder)
    told |= {"seed": seed, "slots": slots, "sampler": sampler, "begun_again": killed.begun_again}
    told |= {"rows": killed.filed(), "trials": len(rows(killed.folder / "trials.jsonl")), "problems": found}
    return told


def page(facts: Facts) -> str:
    """The results as Markdown."""
    studies = facts["studies"]
    hits = [(study["seed"], kill) for study in studies for kill in study["kills"]]
    sound = sum(not study["problems"] for study in studies)
    lines = [
        f"`{facts['command']}`: {len(hits)} kills; {sound} of {len(studies)} studies without a difference"
    ]
    names = COLUMNS.split()
    lines += ["", f"| {' | '.join(names)} | differences |", "|" + "---:|" * (len(names) + 1)]
    for study in studies:
        counts = study | {"kills": len(study["kills"])}
        lines.append(f"| {' | '.join(str(counts[name]) for name in names)} | {len(study['problems'])} |")
    lines += ["", "| seed | killed | after rows | and s | rows then | filed epochs trained again | exit |"]
    lines.append("|---:|---|---:|---:|---:|---:|---:|")
    for seed, kill in hits:
        after = "start" if kill["rows"] is None else kill["rows"]
        told = [seed, kill["what"], after, f"{kill['delay_s']:.2f}", kill["at_rows"], kill["again"]]
        lines.append(f"| {' | '.join(map(str, told))} | {'' if kill['exit'] is None else kill['exit']} |")
    waits = [wait for study in studies for wait in study["until_running_s"]]
    if waits:
        middle = f"{statistics.median(waits):.1f} (median; {min(waits)} to {max(waits)}, n={len(waits)})"
        lines += ["", f"Seconds from `--resume` to the next filed row: {middle}"]
    lines += [
        "",
        *(f"- seed {study['seed']}: {problem}" for study in studies for problem in study["problems"]),
    ]
    told = ("machine", "load", "versions", "commit", "date")
    return "\n".join([*lines, *(f"- {name}: {json.dumps(facts[name])}" for name in told), ""])


def main() -> None:
    """Run, compare, write the results after every study."""
    parser = argparse.ArgumentParser(description="Killed and resumed studies beside undisturbed ones.")
    parser.add_argument("--studies", type=int, default=5, help="pairs with one slot, of seeds 0, 1, ...")
    parser.add_argument("--two-slots", type=int, default=1, help="studies with two slots, of the next seeds")
    parser.add_argument("--kills", type=int, default=4, help="kills of each")
    parser.add_argument("--work", type=Path, help="keep the study folders here")
    given = parser.parse_args()
    if given.kills < 3:
        parser.error("--kills: at least 3")
    facts: Facts = {
        "command": shlex.join(["python", "benchmarks/chaos.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "load": round(os.getloadavg()[0], 2),
        "versions": provenance.versions(),
        "studies": [],
    }
    work = (given.work or Path(tempfile.mkdtemp(prefix="chaos-"))).absolute()
    scratch = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # short: Ray's sockets lie under it
    try:
        for seed in range(given.studies + given.two_slots):
            slots = 1 if seed < given.studies else 2
            facts["studies"].append(pair(work, scratch, seed, slots, given.kills))
            (RESULTS / "chaos.json").write_text(json.dumps(facts, indent=1) + "\n")
            (RESULTS / "chaos.md").write_text(page(facts))
    finally:
        Driver.end_all()
        shutil.rmtree(scratch)
    print(page(facts))
    sys.exit(any(study["problems"] for study in facts["studies"]))


if __name__ == "__main__":
    main()
