"""What ``scaling.py`` makes of its measurements: shares of slot time, and the page."""

from __future__ import annotations

import json
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

SPREAD = 0.2  # trials take between 1 - SPREAD and 1 + SPREAD of their nominal time
BUSY = (
    "Busy: from the moment when every slot has begun its first trial (none begins before every slot has "
    "its process, each then after a random wait of up to a trial's length) until the last trial of the "
    "budget begins. The start, until that moment, is that of these processes (Ray was up), no more of "
    "them at once than the machine has cores. The driver's share is the mean of the whole run, results a "
    "second are those of its middle half. What is lost beyond the times between trials and epochs is in "
    "their few longest."
)
STARRED = (
    "*: measured with `--merge`: the kernel merged equal pages of the processes, which takes time of the "
    "same cores; address randomisation, hash randomisation and Ray's memory monitor were off."
)
SATURATED = (
    "Trials of ten epochs that do not even sleep: every slot always has a result for the driver. CPU: the"
    " driver's main thread, which does everything but Ray's own transport (a busy machine makes it "
    "larger); its inverse is what a main thread with a core of its own can bear, if Ray's threads have "
    "others."
)
Spans = dict[int, list[tuple[float, float, int]]]  # of each slot's process: begin, end, trial of every epoch
Clock = tuple[float, float, float]  # time, CPU seconds of the driver's main thread, of all of its threads


def read_spans(folder: Path) -> Spans:
    """What the trials' processes have noted."""
    found = {}
    for path in folder.glob("*.jsonl"):
        found[int(path.stem)] = [tuple(json.loads(line)) for line in path.read_text().splitlines()]
    return found


def efficiency(spans: Spans, started: float, slots: int) -> dict[str, float]:
    """Shares of slot time in which trials slept, and seconds lost between trials and epochs of one slot.

    ``steady``: from the moment when every slot has begun its first trial until the last trial of all begins;
    what follows is the end of the budget and no matter of scaling. ``start_s`` is the time from ``started``
    (before the first suggestion, with Ray up) until that moment, a trial's length for getting out of step
    included.
    """
    first = max(min(begin for begin, _, _ in slot) for slot in spans.values())
    begun: dict[int, float] = {}
    for slot in spans.values():
        for begin, _, trial in slot:
            begun[trial] = min(begin, begun.get(trial, begin))
    last = max(begun.values())
    between: list[float] = []
    within: list[float] = []
    for slot in spans.values():
        ordered = sorted(slot)
        for (_, end, one), (begin, _, other) in pairwise(ordered):
            (within if one == other else between).append(begin - end)
    slept = sum(
        max(0.0, min(end, last) - max(begin, first)) for slot in spans.values() for begin, end, _ in slot
    )
    return {
        "steady": slept / (slots * (last - first)) if last > first else float("nan"),
        "start_s": first - started,
        "steady_s": last - first,
        "between_trials_s": float(np.median(between)) if between else float("nan"),
        "between_trials_p95_s": float(np.quantile(between, 0.95)) if between else float("nan"),
        "between_epochs_s": float(np.median(within)) if within else float("nan"),
    }


def results_per_s(spans: Spans) -> float:
    """Rows a second in the middle half of the run."""
    ends = np.sort([end for slot in spans.values() for _, end, _ in slot])
    quarter = len(ends) // 4
    middle = ends[quarter : len(ends) - quarter]
    return float((len(middle) - 1) / (middle[-1] - middle[0]))


def driver(spans: Spans, clock: list[Clock]) -> dict[str, float]:
    """What a result costs the driver, and its shares of a core, from the first epoch's begin on."""
    begun = min(begin for slot in spans.values() for begin, _, _ in slot)
    clock = [at for at in clock if at[0] >= begun]
    (since, main, every), (until, main_end, every_end) = clock[0], clock[-1]
    rows = sum(since < end <= until for slot in spans.values() for _, end, _ in slot)
    return {
        "driver_ms_per_result": 1e3 * (main_end - main) / rows,
        "driver_share": (main_end - main) / (until - since),
        "driver_all_threads_share": (every_end - every) / (until - since),
    }


def merged(results: list[dict[str, Any]], row: dict[str, Any]) -> list[dict[str, Any]]:
    """The results with this one, instead of an earlier one of the same setting; the fast trials last."""

    def key(one: dict[str, Any]) -> tuple[bool, int, int, float]:
        return not one["trial_s"], one["nodes"] * one["slots_per_node"], one["nodes"], one["trial_s"]

    return sorted([one for one in results if key(one) != key(row)] + [row], key=key)


def table(results: list[dict[str, Any]], origin: dict[str, Any]) -> str:
    """The results as Markdown."""
    machine, versions = origin["machine"], origin["versions"]
    commits = ", ".join(sorted({row["commit"] for row in results}))
    nice = sorted({row["nice"] for row in results})
    lines = [
        "# Scaling",
        "",
        f"`{origin['command']}`, {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"ray {versions['ray']}, optuna {versions['optuna']}, commit {commits}; n = 1 study a row.",
        "",
        "Nodes are simulated: raylets of one machine, on the loopback; all of them, the driver and every",
        "trial's process share its cores with whatever else ran (the load: a quiet machine has 0), at nice "
        f"{' and '.join(map(str, nice))}.",
        f"Trials sleep for ten epochs, {SPREAD:.0%} more or less than the nominal time. Network, shared",
        "storage and torch play no part.",
        "",
        "## Slots busy",
        "",
        "| nodes | slots | trial, s | trials | busy | lost between trials, s: median | 95 % "
        "| between epochs, ms | results a second | driver's CPU, ms a result | driver, share of a core "
        "| a trial's process, MiB | start, s | load |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in [row for row in results if row["trial_s"]]:
        lines.append(
            f"| {row['nodes']} | {row['slots']} | {row['trial_s']:g} | {row['trials']} | {row['steady']:.1%} "
            f"| {row['between_trials_s']:.2f} | {row['between_trials_p95_s']:.2f} "
            f"| {1e3 * row['between_epochs_s']:.0f} "
            f"| {row['results_per_s']:.1f} | {row['driver_ms_per_result']:.1f} "
            f"| {row['driver_all_threads_share']:.2f} | {row['worker_mib']:.0f}{'*' * row['pages_merged']} "
            f"| {row['start_s']:.0f} "
            f"| {row['load_before']:.1f} to {row['load_after']:.1f} |"
        )
    lines += [
        "",
        *textwrap.wrap(BUSY, 100),
        *textwrap.wrap(STARRED, 100),
        "",
        "## Where the driver saturates",
        "",
        *textwrap.wrap(SATURATED, 100),
        "",
        "| slots | trials | results a second | driver's CPU, ms a result "
        "| the inverse: results a second | share of a core, main thread | all threads "
        "| load |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in [row for row in results if not row["trial_s"]]:
        lines.append(
            f"| {row['slots']}{'*' * row['pages_merged']} | {row['trials']} | {row['results_per_s']:.0f} "
            f"| {row['driver_ms_per_result']:.2f} | {1e3 / row['driver_ms_per_result']:.0f} "
            f"| {row['driver_share']:.2f} | {row['driver_all_threads_share']:.2f} "
            f"| {row['load_before']:.1f} to {row['load_after']:.1f} |"
        )
    return "\n".join(lines) + "\n"
