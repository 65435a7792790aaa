"""Does ``--resume`` go on after anything? Studies killed at random moments beside the same studies left alone.

For every seed: one study undisturbed, and the same spec under ``--kills`` kills, resumed after each that ended
the launch, at once and without tidying up, until it is complete. Both run as ``python -m study.launch`` on a
local Ray of their own: one slot, float32, one thread, so that a training has one result. Afterwards both must
hold the same trials (numbers, parameters, configurations, seeds, states, values, metrics), rows, confirmation
runs, networks and test accuracies, bit for bit except times and retries; Optuna must agree with the log. At the
end one study with two slots, where the order of ends, and with it the draws, depends on the clock: nothing
lost, nothing twice, and every trial's rows equal those of its configuration trained without Ray.

What is killed: the driver (SIGKILL, the most frequent), the process group, a worker; SIGTERM to the driver, SIGINT
to the group as Ctrl-C. When: one during the start of a launch, one between the last trial and the end of the
report, the others after a random number of filed epochs and a random delay. All of it follows from the seed;
what the machine was doing at that moment does not.

Needs about five minutes a study on two busy cores. ``--work`` keeps the folders; a study that lies there complete is
not run again.
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
    "--name chaos --output out --device cpu --precision float32 --threads 1 --epochs 4 --trials 8 --startup 4 "
    "--confirm 1 --confirm-at-most 2 --accuracy-floor 0.1"
).split()
ROWS = 18 * 4  # of a whole study: 4 arms, 8 searched, 4 + 2 confirmed, if as many keep the floor
LAUNCH_S = 600.0  # a hang ends here
MORTAL = ["driver SIGKILL", "worker SIGKILL", "group SIGKILL", "driver SIGTERM", "group SIGINT"]
Kill = dict[str, Any]


def plan(seed: int, kills: int, whole: int) -> list[Kill]:
    """What is killed when, in a study of ``whole`` rows. ``rows``: filed epochs to wait for; ``delay_s``: then."""
    draw = random.Random(seed)
    what = ["driver SIGKILL"] * (kills - 2) + ["worker SIGKILL", MORTAL[2 + seed % 3]]
    draw.shuffle(what)
    # No worker works before the first row or after the last one; a signal then is the driver's.
    last = draw.choice(["driver SIGKILL", "driver SIGKILL", "driver SIGTERM", "group SIGINT"])
    what[-1] = what[-1] if what[-1] != "worker SIGKILL" else what.pop(0)
    what += [last] * (kills - len(what))
    moments = [{"rows": draw.randrange(1, whole), "delay_s": draw.uniform(0, 1.5)} for _ in range(kills - 1)]
    moments = sorted(moments, key=lambda moment: moment["rows"])
    start = draw.randrange(kills - 1)
    if what[start] != "worker SIGKILL":
        moments[start] = {"rows": None, "delay_s": draw.uniform(0, 25)}
    moments.append({"rows": whole, "delay_s": draw.uniform(0, 5)})
    return [{"what": name, **moment} for name, moment in zip(what, moments, strict=True)]


class Study:
    """One study in ``root``, launched and resumed; ``scratch`` is the TMPDIR of its launches."""

    def __init__(self, root: Path, scratch: Path, flags: list[str]) -> None:
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

    def launch(self) -> Driver:
        """Begin it, or go on with it."""
        begun = (self.folder / "study.json").exists()
        again = ["--resume", "chaos", "--output", "out"]
        if not begun and self.folder.exists():  # killed between its folder and its study.json
            self.begun_again += 1
            shutil.rmtree(self.folder)
        return Driver(again if begun else [*SPEC, *self.flags], self.root, self.scratch)

    def filed(self) -> int:
        """Rows in the books."""
        return len(rows(self.folder / "epochs.jsonl"))

    def unsaved(self) -> int:
        """Filed epochs of unfinished trials that their checkpoints lack: they will be trained again."""
        over = {line["number"] for line in rows(self.folder / "trials.jsonl")}
        filed: dict[int, int] = {}
        for row in rows(self.folder / "epochs.jsonl"):
            filed[row["number"]] = max(filed.get(row["number"], 0), row["epoch"])
        missing = 0
        for number, epoch in filed.items():
            if number not in over:
                saved = 0
                with contextlib.suppress(OSError, ConfigError):
                    path = self.folder / "checkpoints" / f"trial-{number:04d}.pt"
                    saved = checkpoint.load(path)["rows"][-1]["epoch"]
                missing += max(0, epoch - saved)
        return missing

    def run(self, kills: list[Kill]) -> dict[str, Any]:
        """Run to the end through all the kills; what happened."""
        todo = list(kills)
        told: dict[str, Any] = {
            "kills": [],
            "launches": 0,
            "tracebacks": 0,
            "exits": [],
            "until_running_s": [],
        }
        while True:
            began, before = time.monotonic(), self.filed()
            driver = self.launch()
            told["launches"] += 1
            running_s = None

            def until(reached: Callable[[], bool], driver: Driver = driver, began: float = began) -> bool:
                nonlocal running_s
                while driver.process.poll() is None and time.monotonic() - began < LAUNCH_S:
                    if running_s is None and self.filed() > before:
                        running_s = time.monotonic() - began
                    if reached():
                        return True
                    time.sleep(0.02)
                return reached()

            while todo:
                kill = todo[0]
                if not until(lambda kill=kill: kill["rows"] is None or self.filed() >= kill["rows"]):
                    break  # the study has fewer rows, because fewer trials keep the floor
                until_moment = time.monotonic() + kill["delay_s"]
                until(lambda at=until_moment: time.monotonic() >= at)
                if driver.process.poll() is not None:
                    break
                todo.pop(0)
                told["kills"].append(
                    kill
                    | {"at_rows": self.filed(), "launch": told["launches"]}
                    | self.strike(driver, kill["what"])
                )
                if not kill["what"].startswith("worker"):
                    break
            ended = until(lambda: False) or driver.process.poll()
            if ended is None:
                sys.exit(f"no end after {LAUNCH_S:.0f} s:\n{driver.output()}")
            status = driver.process.wait()
            told["exits"].append(status)
            told["tracebacks"] += driver.output().count("Traceback")
            if running_s is not None and told["launches"] > 1:
                told["until_running_s"].append(round(running_s, 1))
            if told["kills"] and "again" not in told["kills"][-1]:
                told["kills"][-1] |= {"again": self.unsaved(), "exit": status}
            if status in (1, 2) and not (
                told["kills"] and told["kills"][-1].get("launch") == told["launches"]
            ):
                sys.exit(f"the launch failed:\n{driver.output()}")
            if status == 0:
                gone = driver.gone()
                told["left_processes"] = 0 if gone else len(driver.processes())
                told["left_folders"] = len(list(self.scratch.glob("spinetune-*")))
                told["too_late"], told["begun_again"] = len(todo), self.begun_again
                return told

    def strike(self, driver: Driver, what: str) -> Kill:
        """Kill; a worker's loss is counted at once, for its trial goes on by itself."""
        aim, name = what.split()
        number = signal.Signals[name]
        if aim == "group":
            os.killpg(driver.process.pid, number)
        elif aim == "driver":
            driver.process.send_signal(number)
        else:
            titles = driver.processes().items()
            workers = [pid for pid, title in titles if "ResourceTrainable" in title or "TrialRun" in title]
            for pid in workers[:1]:
                os.kill(pid, number)
            return {"again": self.unsaved(), "hit": len(workers[:1])}
        return {}


def main() -> None:
    """Run, compare, write the results after every study."""
    parser = argparse.ArgumentParser(description="Killed and resumed studies beside undisturbed ones.")
    parser.add_argument(
        "--studies", type=int, default=5, help="pairs of studies with one slot: seeds 0, 1, ..."
    )
    parser.add_argument("--kills", type=int, default=4, help="kills of each")
    parser.add_argument("--two-slots", type=int, default=1, help="studies with two slots, each under as many")
    parser.add_argument("--work", type=Path, help="keep the study folders here")
    given = parser.parse_args()
    if given.kills < 3:
        parser.error("--kills: at least 3")
    work = given.work or Path(tempfile.mkdtemp(prefix="chaos-"))
    load = round(os.getloadavg()[0], 2)
    facts: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/chaos.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "load": load,
        "versions": provenance.versions(),
        "studies": [],
    }
    jobs = [(seed, 1) for seed in range(given.studies)]
    jobs += [(seed, 2) for seed in range(given.studies, given.studies + given.two_slots)]
    scratch = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # short: Ray's sockets lie under it
    try:
        for seed, slots in jobs:
            facts["studies"].append(pair(work.absolute(), scratch, seed, slots, given.kills))
            (RESULTS / "chaos.json").write_text(json.dumps(facts, indent=1) + "\n")
            (RESULTS / "chaos.md").write_text(page(facts))
    finally:
        Driver.end_all()
        shutil.rmtree(scratch)
    print(page(facts))
    sys.exit(any(study["problems"] for study in facts["studies"]))


def pair(work: Path, scratch: Path, seed: int, slots: int, kills: int) -> dict[str, Any]:
    """One study left alone (one slot only) and one killed: what happened, and what differs."""
    sampler = ["auto", "tpe"][seed % 2]
    flags = f"--seed {seed} --search-seed {seed} --sampler {sampler} --slots {slots}".split()
    calm = Study(work / f"calm-{seed}", scratch / f"c{seed}", flags)
    if slots == 1 and not calm.complete:
        calm.run([])
    began = time.monotonic()
    killed = Study(work / f"killed-{seed}", scratch / f"k{seed}", flags)
    if killed.folder.exists():
        shutil.rmtree(killed.root)  # of a run that was broken off
        killed.root.mkdir()
    told = killed.run(plan(seed, kills, calm.filed() or ROWS))
    problems = bits.inconsistencies(killed.folder)
    problems += (
        bits.differences(calm.folder, killed.folder) if slots == 1 else bits.trained_alone(killed.folder)
    )
    trials, filed = (len(rows(killed.folder / f"{name}.jsonl")) for name in ("trials", "epochs"))
    told["seconds"] = round(time.monotonic() - began)
    print(f"seed {seed}: {told}\n{problems}", file=sys.stderr, flush=True)
    return (
        {"seed": seed, "slots": slots, "sampler": sampler, "trials": trials, "rows": filed}
        | told
        | {"problems": problems}
    )


def page(facts: dict[str, Any]) -> str:
    """The results as Markdown."""
    studies = facts["studies"]
    hits = [kill for study in studies for kill in study["kills"]]
    problems = [f"seed {study['seed']}: {problem}" for study in studies for problem in study["problems"]]
    same = sum(not study["problems"] for study in studies)
    lines = [f"`{facts['command']}`: {len(hits)} kills, {same} of {len(studies)} studies as they must be", ""]
    names = (
        "seed, slots, sampler, trials, rows, launches, kills, tracebacks, left_processes, left_folders".split(
            ", "
        )
    )
    lines += [f"| {' | '.join(names)} | differences |", "|" + "---:|" * (len(names) + 1)]
    for study in studies:
        cells = [study[name] if name != "kills" else len(study[name]) for name in names]
        lines.append(f"| {' | '.join(map(str, cells))} | {len(study['problems'])} |")
    lines += ["", "| kill | after rows | delay, s | study had rows | exit | filed epochs trained again |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for kill in hits:
        planned = "start" if kill["rows"] is None else kill["rows"]
        told = [kill["what"], planned, f"{kill['delay_s']:.2f}", kill["at_rows"], kill.get("exit", "-")]
        lines.append(f"| {' | '.join(map(str, [*told, kill['again']]))} |")
    waits = sorted(wait for study in studies for wait in study["until_running_s"])
    if waits:
        middle = waits[len(waits) // 2]
        lines += [
            "",
            f"Seconds from --resume to the next filed row: {middle} ({waits[0]} to {waits[-1]}), n={len(waits)}",
        ]
    lines += ["", *(f"- {problem}" for problem in problems), ""]
    told = ("machine", "load", "versions", "commit", "date")
    return "\n".join([*lines, *(f"- {name}: {json.dumps(facts[name])}" for name in told), ""])


if __name__ == "__main__":
    main()
