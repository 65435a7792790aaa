"""Is there a better schedule than linear, sine and S-LATS? Table and figure from ``open_question.py``'s runs.

``python benchmarks/open_question_table.py`` writes ``results/open_question.md`` and, for each data set,
``results/open_question_DATASET.svg``. Test accuracies are means over the seeds of the proof, intervals are
Student's t; differences are paired by seed, with the exact paired permutation test and Holm's correction over
all differences of a data set.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis import theme
from analysis.stats import Estimate, holm, paired_permutation, smallest_p, student
from analysis.svg.render import draw
from trainables.config import TrainConfig
from trainables.schedules import SCHEDULES, curve

RESULTS = Path(__file__).with_name("results")
U = np.linspace(0, 1, 201)
LEAST = 0.004  # test error, as a fraction, at which an interval is cut off in the figure
COLOURS = {0.8: theme.SKY, 0.9: theme.BLUE, 0.95: theme.INK}  # of the chosen schedules, by band
Run = dict[str, Any]


def proofs(path: Path) -> dict[tuple[float | None, str], list[Run]]:
    """(band, arm) -> its runs by seed."""
    found: dict[tuple[float | None, str], list[Run]] = {}
    for run in map(json.loads, path.read_text().splitlines()):
        if run["step"] == "proof":
            found.setdefault((run["band"], run["arm"]), []).append(run)
    for runs in found.values():
        runs.sort(key=lambda run: run["config"]["seed"])
    return found


def values(runs: list[Run], name: str) -> np.ndarray:
    """One metric of the runs, by seed."""
    return np.array([run[name] for run in runs], dtype=float)


def shape(fields: Run) -> np.ndarray:
    """f(u) of a configuration on ``U``."""
    config = TrainConfig(**fields)
    parameters = {name: getattr(config, name) for name in SCHEDULES[config.scheduler].parameters}
    found = curve(config.scheduler, config.window_start, config.window_end, **parameters)(U)
    return np.asarray(found, dtype=float)


def described(config: Run) -> str:
    """Shape, window and D in a few words."""
    said = theme.label(config["scheduler"])
    window = config.get("window_start", 0.0), config.get("window_end", 1.0)
    said += f" on {window[0]:.2f} to {window[1]:.2f}" if window != (0.0, 1.0) else ""
    said += ", constant lr" if config.get("lr_schedule") == "constant" else ""
    return f"{said}, D/sum(lr) {config['final_threshold']:.3g}"


def _interval(found: Estimate, *, signed: bool = False) -> str:
    if not np.isfinite(found.low):
        return f"{100 * found.value:{'+' if signed else ''}.1f}"
    sign = "+" if signed else ""
    return f"{100 * found.value:{sign}.1f} [{100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}]"


def section(dataset: str) -> list[str]:
    """Heading, words and table of one data set."""
    path = RESULTS / f"open_question_{dataset}.jsonl"
    found, origin = proofs(path), json.loads(path.with_suffix(".origin.json").read_text())
    rivals = [key for key in found if key[1] not in ("search", "dense")]
    rng = np.random.default_rng(0)
    p = {
        key: paired_permutation(
            values(found[key[0], "search"], "accuracy_test"), values(found[key], "accuracy_test"), rng
        )
        for key in rivals
        if (key[0], "search") in found
    }
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    n = max(map(len, found.values()))
    lines = [
        f"## {dataset}",
        "",
        f"A search of {origin['trials']} trials; then n = {n} fresh seeds for all. Commit "
        f"{origin['commit']}, {origin['machine']['cpu']}, torch {origin['versions']['torch']}. With n pairs "
        f"p cannot fall below {smallest_p(n):.2g}, before the correction.",
        "",
        "| band | schedule | sparsity, % | validation, % | test, % | best minus it, points | p (Holm) |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(found, key=lambda key: (key[0] or 0.0, key[1] != "search"))
    for band, arm in order:
        runs = found[band, arm]
        test = student(values(runs, "accuracy_test"))
        name = described(runs[0]["config"]) if arm != "dense" else "dense"
        if arm == "search":
            name = f"**search: {name}**"
        elif arm == "S-LATS until 0.8":
            name += " (by hand)"
        cells = [
            f"{100 * band:.0f} %" if band else "",
            name,
            f"{100 * values(runs, 'sparsity_params').mean():.1f}",
            f"{100 * values(runs, 'accuracy_val').mean():.1f}",
            _interval(test),
        ]
        if (band, arm) in p:
            better = values(found[band, "search"], "accuracy_test") - values(runs, "accuracy_test")
            cells += [_interval(student(better), signed=True), f"{corrected[band, arm]:.2g}"]
        else:
            cells += ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def figure(dataset: str) -> go.Figure:
    """The chosen schedules over the named ones: f(u) left; test error by band right."""
    found = proofs(RESULTS / f"open_question_{dataset}.jsonl")
    drawn = go.Figure(layout={"template": theme.template()})
    named = {"linear": "linear", "sine": "sine", "slats": "S-LATS"}
    for scheduler, arm in named.items():
        style = theme.styles([scheduler])[scheduler]
        config = {"scheduler": scheduler, "lr_schedule": "cosine"}
        line = {"color": style.color, "dash": style.dash, "width": 1.5}
        drawn.add_scatter(x=U, y=shape(config), mode="lines", line=line, name=arm)
        means = [(band, found.get((band, arm))) for band in COLOURS]
        _dots(drawn, [(band, runs) for band, runs in means if runs], style.color, style.symbol, arm)
    paper = [(band, runs) for band in COLOURS if (runs := found.get((band, "sine, constant lr")))]
    _dots(drawn, paper, theme.styles(["sine"])["sine"].color, "square-open", "sine, constant lr")
    best = [(band, found[band, "search"]) for band in COLOURS if (band, "search") in found]
    for band, runs in best:
        line = {"color": COLOURS[band], "width": 2.5}
        name = f"found at {100 * band:.0f} %"
        drawn.add_scatter(x=U, y=shape(runs[0]["config"]), mode="lines", line=line, name=name)
    _dots(drawn, best, theme.INK, "circle", "found")
    drawn.update_layout(
        xaxis={"domain": [0, 0.44], "title": {"text": "training progress u"}, "range": [0, 1]},
        yaxis={"title": {"text": "f(u), share of D"}, "range": [-0.02, 1.02]},
        xaxis2={"domain": [0.56, 1], "anchor": "y2", "title": {"text": "sparsity"}, "ticksuffix": " %"},
        # Logarithmic: collapsed schedules (90 % wrong) would flatten the differences among the others.
        yaxis2={
            "anchor": "x2",
            "title": {"text": "test error (up is better)"},
            "type": "log",
            "tickvals": [0.5, 1, 2, 5, 10, 20, 50, 90],
            "ticksuffix": " %",
            "range": [2.0, -0.4],
        },
        height=380,
    )
    return drawn


def _dots(
    drawn: go.Figure, points: list[tuple[float, list[Run]]], color: str, symbol: str, name: str
) -> None:
    """Mean test errors over mean sparsity with their intervals, in the right panel."""
    if not points:
        return
    found = [student(values(runs, "accuracy_test")) for _, runs in points]
    drawn.add_scatter(
        x=[100 * values(runs, "sparsity_params").mean() for _, runs in points],
        y=[100 * (1 - one.value) for one in found],
        error_y={
            "symmetric": False,
            "array": [100 * (one.value - one.low) for one in found],
            "arrayminus": [100 * (min(one.high, 1 - LEAST) - one.value) for one in found],
            "color": color,
            "thickness": 1,
        },
        mode="markers",
        marker={"color": color, "symbol": symbol, "size": 9},
        name=name,
        showlegend=name in ("found", "sine, constant lr"),
        xaxis="x2",
        yaxis="y2",
    )


def main() -> int:
    """Write the page and the figures of the data sets that have runs."""
    lines = ["# Is there a better schedule than linear, sine and S-LATS?", ""]
    lines += [
        "`python benchmarks/open_question.py --dataset DATASET`, then `open_question_table.py`. A search "
        "over shape, window and D proposes; its best few of a sparsity band are trained with seeds of their "
        "own, one is chosen by validation; then it, the named schedules and the dense network are trained "
        "with fresh seeds, of which test accuracy is read. A named schedule has the least D that reaches the "
        "band (interpolated in a sweep of five seeds a point). Brackets: 95 % intervals, Student's t; "
        "differences are paired by seed. S-LATS under a constant learning rate is linear.",
        "",
    ]
    for dataset in ("digits", "mnist5k"):
        if (RESULTS / f"open_question_{dataset}.jsonl").exists():
            lines += section(dataset)
            title = f"Schedules found on {dataset} over the named ones, and their test error by sparsity"
            image = draw(figure(dataset), 960, 380, title=title, key="q").markup
            (RESULTS / f"open_question_{dataset}.svg").write_text(image + "\n")
    (RESULTS / "open_question.md").write_text("\n".join(lines))
    print(RESULTS / "open_question.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
