"""Foreign columns under our names, as numbers in our units, with everything that is wrong told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.foreign.mapping import SCALES, Rules, nearest
from analysis.foreign.table import Foreign, Problems

# Columns that are neither parameters nor further metrics.
KNOWN = ("run", "epoch", "scheduler", "seed", "kind")
NUMBERS = ("final_threshold", "threshold_ratio", "lr_sum", "train_wall_s")
KINDS = ("search", "reference")
_EMPTY = {"", "nan", "null", "none", "na", "n/a", "-"}
_SHOWN = 8


@dataclass(frozen=True)
class Columns:
    """Checked columns. accuracy, sparsity: names of the objectives; `fractions`: all of either kind."""

    frame: pd.DataFrame
    accuracy: str
    sparsity: str
    fractions: tuple[str, ...]


def columns(foreign: Foreign, rules: Rules, name: str) -> Columns:
    """Raises `Problems`: missing columns, values out of range, text for numbers; each with its place."""
    given = dict(foreign.columns)
    problems = []
    for ours, theirs in rules.columns.items():
        if theirs not in foreign.columns:
            problems.append(
                f"{name} has no column {theirs!r}, which mapping.toml gives for {ours}"
                f"{nearest(theirs, list(foreign.columns)[:_SHOWN])}"
            )
        elif ours in foreign.columns and ours not in rules.columns.values() and ours != theirs:
            problems.append(
                f"{name} has a column {ours!r} beside {theirs!r}, which mapping.toml calls {ours} too"
            )
    renamed = {theirs: ours for ours, theirs in rules.columns.items()}
    given = {renamed.get(column, column): cells for column, cells in given.items()}
    accuracy, sparsity = (_objective(kind, list(given)) for kind in ("accuracy", "sparsity"))
    for kind, found in (("accuracy", accuracy), ("sparsity", sparsity)):
        if found is None and not any(ours.partition("_")[0] == kind for ours in rules.columns):
            shown = ", ".join(map(repr, list(foreign.columns)[:_SHOWN]))
            hint = nearest(kind, list(foreign.columns)[:200])
            hint = hint if "did you mean" in hint else f"; its columns are {shown}"
            problems.append(
                f"{name} has no column {kind!r}{hint} Rename it, or name it in mapping.toml beside the file: "
                f'[columns] {kind} = "COLUMN"'
            )
    for column in rules.metrics:
        if column not in given:
            problems.append(f"{name} has no column {column!r}, which mapping.toml lists as a metric")
    fractions = tuple(column for column in given if column.partition("_")[0] in ("accuracy", "sparsity"))
    frame: dict[str, Any] = {}
    for column, cells in given.items():
        if column in fractions:
            frame[column] = _fraction(column, cells, rules, foreign, name, problems)
        elif column in (*NUMBERS, *rules.metrics):
            frame[column] = _numbers(column, cells, foreign, name, problems)
        elif column == "epoch":
            frame[column] = _epochs(cells, foreign, name, problems)
        else:
            frame[column] = pd.Series([_tidy(cell) for cell in cells], dtype=object)
    if "kind" in frame:
        _check_kinds(frame["kind"], foreign, name, problems)
    if problems or accuracy is None or sparsity is None:
        raise Problems(problems)
    return Columns(pd.DataFrame(frame), accuracy, sparsity, fractions)


def _objective(kind: str, names: list[str]) -> str | None:
    wanted = {"accuracy": ("accuracy", "accuracy_val", "accuracy_test"),
              "sparsity": ("sparsity", "sparsity_params", "sparsity_synapses")}[kind]  # fmt: skip
    return next(
        (name for name in (*wanted, *names) if name in names and name.partition("_")[0] == kind), None
    )


def _tidy(cell: Any) -> Any:
    """A parameter: text that is a number as a number, nothing as None."""
    if not isinstance(cell, str):
        return None if isinstance(cell, float) and not np.isfinite(cell) else cell
    if cell.strip().lower() in _EMPTY:
        return None
    for kind in (int, float):
        try:
            number = kind(cell)
        except ValueError:
            continue
        return number if np.isfinite(number) else None
    return cell


def _numbers(
    column: str, cells: list[Any], foreign: Foreign, name: str, problems: list[str]
) -> npt.NDArray[np.float64]:
    """Cells as floats, NaN where nothing is known; text that is no number is a problem."""
    plain = [None if isinstance(cell, str) and cell.strip().lower() in _EMPTY else cell for cell in cells]
    values = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce").to_numpy(dtype=float)
    wrong = [i for i in np.flatnonzero(np.isnan(values)).tolist() if not _unknown(plain[i])]
    if wrong:
        problems.append(
            f"{column} is {plain[wrong[0]]!r} in {_where(wrong, foreign, name)}: it must be a number"
        )
    return np.where(np.isfinite(values), values, np.nan)


def _unknown(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and np.isnan(cell))


def _where(rows: list[int], foreign: Foreign, name: str) -> str:
    more = f" (and {len(rows) - 1:,} more rows)" if len(rows) > 1 else ""
    return f"{name}, {foreign.places[rows[0]]}{more}"


def _fraction(
    column: str, cells: list[Any], rules: Rules, foreign: Foreign, name: str, problems: list[str]
) -> npt.NDArray[np.float64]:
    raw = _numbers(column, cells, foreign, name, problems)
    scale = rules.scale_of(column)
    values = raw / 100 if "percent" in scale else raw
    if scale.startswith("remaining"):
        values = 1 - values
    # Rounding in the percent or in 1 - x is no mistake of anybody's.
    values = np.where((values > 1) & (values < 1 + 1e-9), 1.0, values)
    values = np.where((values < 0) & (values > -1e-9), 0.0, values)
    high, low = (np.flatnonzero(wrong).tolist() for wrong in (values > 1, values < 0))
    if high and scale == "fraction":
        problems.append(
            f"{column} is {raw[high[0]]:g} in {_where(high, foreign, name)}: it must be within [0, 1]. "
            f'If it is in percent, put scale = "percent" into mapping.toml beside the file (other scales: '
            f"{', '.join(kind for kind in SCALES if kind not in ('fraction', 'percent'))})"
        )
    elif high or low:
        bad = high or low
        problems.append(
            f"{column} is {raw[bad[0]]:g} in {_where(bad, foreign, name)}: not a {scale} of "
            f"{'0 to 100' if 'percent' in scale else '0 to 1'}"
        )
    return values


def _epochs(cells: list[Any], foreign: Foreign, name: str, problems: list[str]) -> npt.NDArray[np.float64]:
    values = _numbers("epoch", cells, foreign, name, problems)
    wrong = np.flatnonzero(~((values >= 0) & (values == np.floor(values)))).tolist()
    wrong = [i for i in wrong if _unknown(cells[i]) or not np.isnan(values[i])]
    if wrong:
        problems.append(
            f"epoch is {cells[wrong[0]]!r} in {_where(wrong, foreign, name)}: it must be a whole number"
        )
    return values


def _check_kinds(cells: pd.Series, foreign: Foreign, name: str, problems: list[str]) -> None:
    wrong = [i for i, cell in enumerate(cells) if cell is not None and cell not in KINDS]
    if wrong:
        problems.append(
            f"kind is {cells[wrong[0]]!r} in {_where(wrong, foreign, name)}: one of {', '.join(KINDS)}"
        )
