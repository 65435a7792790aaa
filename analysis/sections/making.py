"""How this was made: all that is needed to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly
import pyarrow as pa
from plotly.offline import get_plotlyjs_version

from analysis import text
from analysis.downloads import downloads
from analysis.results import Study
from analysis.sections.base import Cell, Column, Material, Section, Table

TITLE = "How this was made"


def making(material: Material) -> Section:
    """Commands, seeds, versions, machine, times, the whole spec, and how the files were read."""
    study, info = material.study, material.study.info
    ended, walls = len(study.trials), study.trials["train_wall_s"].dropna()
    seed = "no study seed" if info.get("seed") is None else f"seed {text.short(info['seed'])}"
    trained = (
        f"{text.seconds(float(walls.sum()))} of training" if len(walls) else "training time not recorded"
    )
    commit = str(info.get("commit") or "no commit recorded")
    finding = (
        f"{text.count(ended, 'trial')}, {seed}, "
        f"{trained}, code at {text.short(commit, 60)}; "
        "versions and machine are below."
    )
    name, spec = str(info.get("name", "NAME")), study.part("spec")
    source = str(study.part("imported").get("source") or f"studies/{name}")
    commands = [
        ("Repeat the study", str(info.get("command") or "not recorded")),
        ("Remake this report", f"python -m analysis.report {shlex.quote(source)}"),
        ("Resolved spec", text.outline(spec) or "not recorded"),
    ]
    if info.get("state") != "complete":
        commands.insert(1, ("Go on with the study", f"python -m study.launch --resume {shlex.quote(name)}"))
    tables = [_pairs("Study", _study(material, commit)), _pairs("Times", _times(material))]
    if study.part("stopping"):
        tables.append(_pairs("Stopping audit", _flat(study.part("stopping"))))
    tables += [
        _pairs(head, list(study.part(head.lower()).items()))
        for head in ("Machine", "Versions", "Network", "Data")
    ]
    tables.append(_pairs("Versions, of this report", _own_versions()))
    files = downloads(study, material.outcome)
    notices = study.notices or ("Every line of the study's files was read.",)
    return Section("making", TITLE, finding, notices, tables=tables, records=commands, downloads=files)


def _own_versions() -> list[tuple[str, Any]]:
    """The libraries that made this page: the same folder gives the same bytes with the same ones."""
    names = [("numpy", np), ("pandas", pd), ("pyarrow", pa), ("plotly", plotly)]
    return [*((name, module.__version__) for name, module in names), ("plotly.js", get_plotlyjs_version())]


def _pairs(caption: str, pairs: Sequence[tuple[str, Any]]) -> Table:
    shown = pairs or [("not recorded", None)]
    rows = [
        [Cell(text.short(key, 60).replace("_", " ").replace("gib", "GiB")), Cell(_plain(item))]
        for key, item in shown
    ]
    return Table([Column("Entry", False), Column("Value", False)], rows, caption)


def _plain(item: object) -> str:
    if isinstance(item, float | int) and not isinstance(item, bool):
        return text.number(item, 4)
    return text.DASH if item is None else text.short(item, 200)


def _study(material: Material, commit: str) -> list[tuple[str, Any]]:
    info, trials = material.study.info, material.study.trials
    planned, sampler = material.study.part("budget"), material.study.part("sampler")
    seeds = sorted({text.short(seed, 12) for seed in trials["seed"].dropna()})
    shown = ", ".join(seeds[:12]) + (f" and {len(seeds) - 12} more" if len(seeds) > 12 else "")
    return [
        ("Name", info.get("name")),
        ("State", info.get("state")),
        *[(f"Imported: {key}", item) for key, item in material.study.part("imported").items()],
        ("Created", info.get("created_at")),
        ("Objectives", _objectives(material.study)),
        ("Accuracy floor", text.percent(material.study.floor)),
        ("Constraints", _words(info.get("constraints"))),
        ("Sampler", sampler.get("name")),
        ("Why this sampler", sampler.get("why")),
        ("Trials planned", ", ".join(f"{n} {kind}" for kind, n in planned.items()) or None),
        ("Study seed", text.short(info.get("seed"))),
        ("Training seeds", shown),
        ("Space hash", info.get("space_hash")),
        ("Commit", commit),
    ]


def _objectives(study: Study) -> str:
    ways = ["more" if more else "less" for more in study.maximize]
    pairs = zip(study.objectives, ways, study.reference, strict=True)
    return "; ".join(
        f"{study.label(name)}: {way} is better, reference point {text.by_unit(low, study.unit(name))}"
        for name, way, low in pairs
    )


def _words(constraints: object) -> str | None:
    return "; ".join(str(words) for words in constraints) if isinstance(constraints, list) else None


def _flat(record: Mapping[str, Any], head: str = "") -> list[tuple[str, Any]]:
    """The leaves of a nested record under their joined names; lists on one line."""
    pairs: list[tuple[str, Any]] = []
    for key, item in record.items():
        if isinstance(item, Mapping):
            pairs += _flat(item, f"{head}{key}: ")
        else:
            pairs.append((f"{head}{key}", ", ".join(map(str, item)) if isinstance(item, list) else item))
    return pairs


def _times(material: Material) -> list[tuple[str, Any]]:
    times = material.study.part("timings")
    walls = material.study.trials["train_wall_s"].dropna()
    rows: list[tuple[str, Any]] = [
        (f"{label}", text.seconds(times.get(key)))
        for label, key in (
            ("Start-up", "startup_s"),
            ("Search, wall clock", "search_s"),
            ("Training, summed", "training_s"),
        )
    ]
    rows.append(("Slots", times.get("slots")))
    search, training, slots = (times.get(key) for key in ("search_s", "training_s", "slots"))
    if text.finite(search) and text.finite(training) and text.finite(slots) and search * slots > 0:
        rows.append(("Slots busy with training", text.percent(training / (search * slots))))
    rows.append(
        ("Training of a trial, median", text.seconds(float(walls.median())) if len(walls) else text.DASH)
    )
    return rows
