"""The hover text of a trial, the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.results import Study
from analysis.text import RATIO, by_unit, finite, number, plotly_text, seconds, short

TRIALS = "trials"  # the `meta` of a trace whose points are trials
_MOST = 8


def describe(row: Mapping[Any, Any], study: Study, more: Iterable[str] = ()) -> str:
    """Name, objectives, parameters and time of one row of the trials frame; everything foreign is escaped.

    `more`: further metrics to tell. A stopped trial tells why it was stopped: the values are its last ones.
    """
    name = f"reference {row['name']}" if row["kind"] == "reference" and row["name"] else row["scheduler"]
    lines = [f"<b>trial {int(row['number'])}</b>, {plotly_text(short(name, 40))}"]
    if row["state"] == "PRUNED":
        lines.append(f"stopped: {plotly_text(short(row['error'] or 'early', 60))}; last values:")
    for metric in dict.fromkeys([*study.shown, *more]):
        lines.append(f"{plotly_text(study.label(metric))} {by_unit(row.get(metric), study.unit(metric))}")
    if finite(row["threshold_ratio"]):
        lines.append(f"{RATIO} {number(row['threshold_ratio'])}")
    told = {"scheduler", "final_threshold"}  # the ratio says it
    params = [(key, value) for key, value in sorted(row["params"].items()) if key not in told]
    lines += [
        f"{plotly_text(short(key, 40))} {plotly_text(short(value, 40))}" for key, value in params[:_MOST]
    ]
    if len(params) > _MOST:
        lines.append(f"and {len(params) - _MOST} more parameters")
    lines.append(f"seed {plotly_text(row['seed'])}, {seconds(row['train_wall_s'])} of training")
    return "<br>".join(lines)


def template_text(value: object) -> str:
    """`value` for a hover template, where %{x} is live besides the markup: both become text."""
    return plotly_text(value).replace("%{", "%&#123;")
