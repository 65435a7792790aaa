"""Foreign rows as a study: trials, epochs, and a study.json that claims nothing that is not known."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.foreign.columns import KNOWN, NUMBERS, Columns
from analysis.foreign.mapping import Rules
from analysis.foreign.table import Foreign, Problems
from analysis.records import FORMAT, Record
from analysis.results import Study, load

_LABELS = {
    "accuracy": "Accuracy (split not stated)", "accuracy_val": "Validation accuracy",
    "accuracy_test": "Test accuracy", "accuracy_train": "Training accuracy",
    "sparsity": "Sparsity (kind not stated)", "sparsity_params": "Sparsity (parameters)",
    "sparsity_synapses": "Sparsity (synapses)",
}  # fmt: skip


def study(columns: Columns, foreign: Foreign, rules: Rules, source: str, format_name: str) -> Study:
    """The study. Raises `Problems` where rows cannot be told apart.

    Rows of one `run` are a trial; without that column, rows that agree in all parameters. Its last epoch is
    the trial's result. Runs that differ in the seed alone repeat the first of them. A row whose scheduler is
    'dense' is a reference arm.
    """
    frame = columns.frame
    metrics = [*columns.fractions, *(name for name in rules.metrics if name not in columns.fractions)]
    own = [str(name) for name in frame if name not in (*metrics, *NUMBERS, "epoch", "kind")]
    varying: list[str] = []
    if "run" in frame:
        runs = frame["run"].astype(str).groupby(frame["run"].astype(str), sort=False).ngroup().to_numpy()
        # Numbers that change inside a run were measured, not chosen.
        for name in [name for name in own if name not in KNOWN]:
            if frame.groupby(runs)[name].nunique(dropna=False).max() > 1 and _numeric(frame[name]):
                varying.append(name)
    elif "epoch" in frame:
        keys = frame[[*own, *[name for name in NUMBERS if name in frame]]].map(repr)
        runs = (
            keys.groupby(list(keys), sort=False).ngroup().to_numpy()
            if len(keys.columns)
            else np.zeros(len(frame), int)
        )
        _check_runs(frame, runs, foreign)
    else:
        runs = np.arange(len(frame))
    metrics += varying
    parameters = [name for name in own if name not in (*KNOWN, *varying)]
    frame = frame.assign(**{name: _floats(frame[name]) for name in varying}, trial=runs)
    if "epoch" in frame:
        # A step repeated after a restart: the later row counts, as in our own files.
        frame = frame.drop_duplicates(["trial", "epoch"], keep="last").sort_values(
            ["trial", "epoch"], kind="stable"
        )
    elif "run" in frame and frame["trial"].duplicated().any():
        raise Problems([_repeated(frame["trial"].to_numpy(), foreign, "run")])
    last = frame.groupby("trial", sort=True).tail(1)
    trials = _trials(last, columns, metrics, parameters)
    epochs = _epochs(frame, metrics) if "epoch" in frame else []
    info = _info(columns, rules, source, format_name, len(frame), metrics)
    return replace_notices(_loaded(info, trials, epochs), foreign, source, bool(epochs))


def _numeric(cells: pd.Series) -> bool:
    return all(
        cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells
    )


def _floats(cells: pd.Series) -> Any:
    return pd.to_numeric(cells, errors="coerce").to_numpy(dtype=float)


def _check_runs(frame: pd.DataFrame, runs: Any, foreign: Foreign) -> None:
    epochs = frame["epoch"].to_numpy()
    if len(np.unique(epochs)) > 1 and len(np.unique(runs)) == len(frame):
        raise Problems([
            "every row differs from all others in more than its epoch, so that no row continues another; "
            "name the run of each row in a column 'run', or list the columns that change with the epochs in "
            'mapping.toml: metrics = ["COLUMN", ...]'
        ])  # fmt: skip
    if pd.DataFrame({"run": runs, "epoch": epochs}).duplicated().any():
        pairs = pd.DataFrame({"run": runs, "epoch": epochs}).groupby(["run", "epoch"], sort=False).ngroup()
        raise Problems([_repeated(pairs.to_numpy(), foreign, "epoch of one run")])


def _repeated(groups: Any, foreign: Foreign, what: str) -> str:
    second = int(np.flatnonzero(pd.Series(groups).duplicated())[0])
    first = int(np.flatnonzero(groups == groups[second])[0])
    fix = "put an epoch into each row" if what == "run" else "name the run of each row in a column 'run'"
    return f"{foreign.places[first]} and {foreign.places[second]} are the same {what}; {fix}"


def _trials(last: pd.DataFrame, columns: Columns, metrics: list[str], parameters: list[str]) -> list[Record]:
    rows: list[Record] = []
    firsts: dict[str, int] = {}
    for number, row in enumerate(last.to_dict("records")):
        params = {str(name): row[name] for name in parameters if row[name] is not None}
        if row.get("run") is not None:
            params["run"] = row["run"]
        values = {name: _known(row[name]) for name in (columns.accuracy, columns.sparsity)}
        missing = [name for name, value in values.items() if value is None]
        scheduler = None if row.get("scheduler") is None else str(row["scheduler"])
        dense = scheduler is not None and scheduler.lower() == "dense"
        alike = repr(
            (scheduler, [row.get(name) for name in (*parameters, *NUMBERS) if name != "train_wall_s"])
        )
        first = firsts.setdefault(alike, number) if row.get("seed") is not None else number
        kind = row.get("kind") or ("reference" if dense else "search")
        record: dict[str, Any] = {
            "number": number, "kind": kind, "state": "FAIL" if missing else "COMPLETE",
            "name": scheduler if kind == "reference" else None, "params": params, "seed": row.get("seed"),
            "config": {"scheduler": scheduler, **({"pruner": "dense"} if dense else {})},
            "replicate_of": None if first == number else first,
            "values": None if missing else values,
            "metrics": {name: _known(row[name]) for name in metrics if _known(row[name]) is not None},
            "error": f"{' and '.join(missing)} not recorded" if missing else None,
        }  # fmt: skip
        if "epoch" in row:
            record["epochs"] = int(row["epoch"])
        record |= {name: value for name in NUMBERS if (value := _known(row.get(name))) is not None}
        rows.append(record)
    return rows


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _epochs(frame: pd.DataFrame, metrics: list[str]) -> list[Record]:
    most = frame.groupby("trial")["epoch"].transform("max").to_numpy()
    epoch = frame["epoch"].to_numpy()
    progress = epoch / np.where(most > 0, most, 1)
    arrays = [frame["trial"].tolist(), epoch.astype(int).tolist(), progress.tolist()]
    values = [
        [None if np.isnan(v) else v for v in frame[name].to_numpy(dtype=float).tolist()] for name in metrics
    ]
    names = ["number", "epoch", "progress", *metrics]
    return [dict(zip(names, row, strict=True)) for row in zip(*arrays, *values, strict=True)]


def _info(
    columns: Columns, rules: Rules, source: str, format_name: str, rows: int, metrics: list[str]
) -> Mapping[str, Any]:
    """study.json of results that come from elsewhere: what is not known is not there."""
    described: dict[str, Any] = {
        name: {
            "label": _LABELS.get(name, name.replace("_", " ")),
            "unit": "fraction",
            "direction": "maximize",
        }
        for name in columns.fractions
    }
    described |= {
        name: {"label": name, "unit": None, "direction": None} for name in metrics if name not in described
    }
    return {
        "format": FORMAT, "state": "imported", "name": rules.name or Path(source).stem or source,
        "objectives": [columns.accuracy, columns.sparsity], "metrics": described,
        "accuracy_floor": rules.accuracy_floor,
        "imported": {"source": source, "format": format_name, "rows": rows},
        **({"data": {"name": rules.data}} if rules.data else {}),
        **({"network": {"name": rules.network}} if rules.network else {}),
    }  # fmt: skip


def _loaded(info: Mapping[str, Any], trials: Iterable[Record], epochs: Iterable[Record]) -> Study:
    # Through a folder: its format is what the rest of this package reads, whatever becomes of the frames.
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "study.json").write_text(json.dumps(info), encoding="utf-8")
        for name, rows in (("trials", trials), ("epochs", epochs)):
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row, default=str) + "\n" for row in rows)
        return load(folder)


def replace_notices(study: Study, foreign: Foreign, source: str, curves: bool) -> Study:
    """The study with what its reader must know about where it comes from."""
    told = [f"Read from {source}, not from a study folder: what the file does not say is not known here."]
    if not curves:
        told.append("There is no column epoch: no training curves.")
    return replace(study, notices=(*told, *foreign.notices, *study.notices))
