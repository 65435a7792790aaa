"""What happens when something dies? Real processes, real kills, network namespaces for hosts.

    python -m benchmarks.faults                 # all; about an hour
    python -m benchmarks.faults cut gcs         # some; their rows of the results are replaced

Each fault meets a study of 6 trainings of 15 epochs of a second (the digits net slowed down by sleeping) on a
head and a worker with a slot each. Needs root; ``clock`` needs a C compiler. The namespaces are removed at
the end, also after Ctrl-C, and at the next start after a kill.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import shlex
import shutil
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults import cases, hosts, resources
from benchmarks.faults.bench import Bench
from study import provenance

RESULTS = Path(__file__).parents[1] / "results"
ROOT = RESULTS.parents[1]
FAULTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        cases.trial_worker,
        cases.worker_node,
        cases.short_cut,
        cases.cut,
        cases.driver,
        cases.local_driver,
        cases.head_node,
        cases.gcs,
        cases.gcs_alone,
        resources.storage_hangs,
        resources.storage_refuses,
        resources.disk_full,
        resources.node_disk_full,
        resources.memory_monitor,
        resources.kernel_kills,
        resources.allocation_fails,
        cases.hang,
        cases.stopped,
        cases.late_node,
        cases.clock,
    )
}
SHOWN = {
    "again_s": "affected trials run again after s",
    "epochs_redone": "filed epochs trained again, by trial",
    "trials_lost": "ended trials lost",
    "states": "how the trials ended",
    "exit": "exit",
    "trial_processes_gone_s": "no trial's process s after the end",
}


def measure(name: str, prefix: str, commit: str | None) -> dict[str, Any]:
    """One fault, from an empty machine to an empty machine."""
    work = Path(tempfile.mkdtemp(prefix="spf-", dir="/tmp"))
    facts: dict[str, Any] = {"load": round(os.getloadavg()[0], 1), "date": time.strftime("%Y-%m-%d")}
    facts["commit"] = commit
    began = time.monotonic()
    try:
        with hosts.net(work, prefix) as net:
            shared = work / "shared"
            shared.mkdir()
            bench = Bench(net, shared)
            try:
                facts |= FAULTS[name](bench)
            except Exception as error:
                traceback.print_exc()
                facts["problem"] = f"{type(error).__name__}: {error}"
                facts["log"] = bench.log.read_text()[-5000:]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    facts = {key: plain(value, work) for key, value in facts.items()}
    return facts | {"took_s": round(time.monotonic() - began)}


def plain(value: Any, work: Path) -> Any:
    """Words without a terminal's colours and this machine's folders."""
    if isinstance(value, list):
        return [plain(one, work) for one in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"\x1b\[[\d;]*m", "", value).replace(str(work), "WORK")
    for folder in ("purelib", "stdlib"):
        value = value.replace(f"{sysconfig.get_path(folder)}/", "")
    return value.replace(f"{ROOT}/", "").replace(sys.executable, "python")


def page(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    faults = {name: results["faults"][name] for name in FAULTS if name in results["faults"]}
    lines = ["`python -m benchmarks.faults`; n = 1 each. What the user saw follows the table.", ""]
    lines += [f"| fault | {' | '.join(SHOWN.values())} | load |", "|---|" + "---:|" * (len(SHOWN) + 1)]
    for name, facts in faults.items():
        cells = [_cell(facts.get(key)) for key in SHOWN]
        title = inspect.getdoc(FAULTS[name])
        if "problem" in facts:
            title = f"{title} (not measured: {facts['problem'].splitlines()[0]})"
        lines.append(f"| {title} | {' | '.join(cells)} | {facts['load']} |")
    for name, facts in faults.items():
        rest = {
            key: value
            for key, value in facts.items()
            if (key.endswith("_s") and key not in SHOWN) or key in ("errors", "folders_left", "affected")
        }
        lines += ["", f"**{inspect.getdoc(FAULTS[name])}** (`{name}`; {json.dumps(rest)})", "", "```text"]
        lines += [*facts.get("said", facts.get("log", "").splitlines()[-12:]), "```"]
    lines += ["", *(f"- {key}: {json.dumps(results[key])}" for key in ("machine", "versions"))]
    commits = sorted({str(facts["commit"]) for facts in faults.values()})
    return "\n".join([*lines, f"- commits: {', '.join(commits)}", ""])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def main() -> int:
    """Measure, and write the results after every fault."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__.split("\n")[0])
    parser.add_argument("fault", nargs="*", help=f"of {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--prefix", default=hosts.PREFIX, help="of the namespaces: two runs at once need two")
    given = parser.parse_args()
    if unknown := [name for name in given.fault if name not in FAULTS]:
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    path = RESULTS / "faults.json"
    commit = provenance.commit()  # before the results change, which are part of it
    failed = 0
    for name in given.fault or FAULTS:
        facts = measure(name, given.prefix, commit)
        results = json.loads(path.read_text()) if path.exists() else {"faults": {}}
        results |= {"machine": provenance.machine(), "versions": provenance.versions()}
        results["faults"][name] = facts
        failed += "problem" in facts
        print(shlex.quote(name), json.dumps(facts, indent=1), flush=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "faults.md").write_text(page(results))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
