"""What a report costs: seconds and memory to make, bytes, seconds until a browser shows it.

``python -m benchmarks.report_size`` makes studies of 200, 2,000 and 10,000 trials of 100 epochs with every
metric (``made_study.py``), runs ``python -m analysis.report`` on each as a process of its own, opens the
file in Chromium, and writes ``results/report_size.md`` and ``.json``. ``--trials N --epochs E``: one size.

CPU seconds stand beside wall seconds: they hold on a machine that others use, too. Memory is the peak
resident set of the process. The browser's clock starts with the request for the file.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.made_study import make
from study import provenance

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
SIZES = ((200, 100), (2_000, 100), (10_000, 100))
TICKS = os.sysconf("SC_CLK_TCK")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def report(folder: Path, output: Path) -> dict[str, float]:
    """Run the command line on a folder: wall and CPU seconds, peak memory in bytes, size in bytes."""
    command = [sys.executable, "-m", "analysis.report", str(folder), "--output", str(output)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    cpu = used.ru_utime + used.ru_stime
    return {"wall_s": wall, "cpu_s": cpu, "peak_bytes": used.ru_maxrss * 1024, "bytes": output.stat().st_size}


def cpu_of(mark: str) -> float:
    """CPU seconds so far of all processes whose command line or that of an ancestor holds `mark`."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    marked: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        pid = int(entry.name)
        parents[pid], seconds[pid] = int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS
        if mark.encode() in command:
            marked.add(pid)

    def belongs(pid: int) -> bool:
        while pid in parents:
            if pid in marked:
                return True
            pid = parents[pid]
        return False

    return sum(value for pid, value in seconds.items() if belongs(pid))


def opened(file: Path) -> dict[str, float] | None:
    """Open the report in Chromium: seconds until the load event, the first drawn front, and all figures."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as engine:
        browser = engine.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=ARGUMENTS, viewport={"width": 1280, "height": 900}
        )
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto("about:blank")
        before, started = cpu_of(profile), time.perf_counter()
        page.goto(file.as_uri(), wait_until="load")
        load = time.perf_counter() - started
        page.wait_for_selector("#front-plot .scatterlayer .point, #front-plot .gl-canvas", state="attached")
        front, cpu_front = time.perf_counter() - started, cpu_of(profile) - before
        while page.evaluate("document.documentElement.dataset.ready") != "true":
            time.sleep(0.05)
        ready, cpu = time.perf_counter() - started, cpu_of(profile) - before
        browser.close()
    return {"load_s": load, "front_s": front, "front_cpu_s": cpu_front, "ready_s": ready, "ready_cpu_s": cpu}


def measure(trials: int, epochs: int, repeats: int, seed: int) -> dict[str, Any]:
    """All measurements of one size."""
    with tempfile.TemporaryDirectory(prefix="spinetune-report-") as place:
        folder = make(Path(place) / "study", trials, epochs, seed)
        output = Path(place) / "report.html"
        given = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        runs, digests, views = [], set(), []
        for _ in range(repeats):
            runs.append(report(folder, output))
            digests.add(hashlib.sha256(output.read_bytes()).hexdigest())
            views.append(opened(output))
        if len(digests) > 1:
            raise SystemExit("the same folder gave different bytes")
        return {"trials": trials, "epochs": epochs, "folder_bytes": given, "runs": runs, "views": views}


def table(rows: list[dict[str, Any]]) -> str:
    """The results as Markdown: medians over the repeats."""
    head = [
        "trials", "epochs each", "folder, MB", "report: wall, s", "CPU, s", "peak memory, GB", "file, MB",
        "browser: load event, s", "first front, s", "CPU, s", "all figures, s", "CPU, s",
    ]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|" + "---:|" * len(head)]
    for row in rows:
        views = [view for view in row["views"] if view]

        def median(of: list[dict[str, float]], name: str, scale: float = 1.0) -> str:
            return f"{statistics.median(one[name] for one in of) / scale:.1f}" if of else "no browser"

        cells = [f"{row['trials']:,}", str(row["epochs"]), f"{row['folder_bytes'] / 1e6:,.0f}"]
        cells += [median(row["runs"], "wall_s"), median(row["runs"], "cpu_s")]
        cells += [median(row["runs"], "peak_bytes", 1e9), median(row["runs"], "bytes", 1e6)]
        cells += [
            median(views, name) for name in ("load_s", "front_s", "front_cpu_s", "ready_s", "ready_cpu_s")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, help="one size instead of the three")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sizes = ((options.trials, options.epochs),) if options.trials else SIZES
    load = os.getloadavg()[0]
    rows = []
    for trials, epochs in sizes:
        rows.append(measure(trials, epochs, options.repeats, options.seed))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    names = ("pandas", "numpy", "pyarrow", "plotly", "jinja2")
    chromium = shutil.which("chromium")
    asked = [chromium or "true", "--version"]
    browser = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    python = sys.version.split()[0]
    notes = {
        "machine": provenance.machine(), "load before the first run": round(load, 2),
        "versions": {name: importlib.metadata.version(name) for name in names} | {"python": python},
        "browser": browser.strip(), "commit": provenance.commit(), "n": options.repeats, "seed": options.seed,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }  # fmt: skip
    print(table(rows))
    if options.trials:
        return
    told = "\n".join(f"- {name}: {json.dumps(value)}" for name, value in notes.items())
    text = (
        f"`python -m benchmarks.report_size`: medians of n = {options.repeats}\n\n{table(rows)}\n\n{told}\n"
    )
    (RESULTS / "report_size.md").write_text(text)
    (RESULTS / "report_size.json").write_text(json.dumps({"sizes": rows, **notes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
