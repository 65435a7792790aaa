"""What pruning left of each layer: sparsity, synapses and firing rate, for the networks of the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis import theme
from analysis.figures.chosen import spread
from analysis.figures.hover import TRIALS
from analysis.figures.panels import log_axis
from analysis.outcome import Outcome
from analysis.results import Study
from analysis.stats import Floats
from analysis.text import by_unit, plotly_text, short
from analysis.theme import Style

MOST = 24  # networks in one plot
SYNAPSES, LIVE, RATE = "layer_synapses", "layer_synapses_live", "node_firing_rate"


@dataclass(frozen=True, eq=False)
class Network:
    """One trained network: by layer sparsity and synapses [layers], by spiking layer the rate [nodes]."""

    number: int
    scheduler: str
    reference: bool
    sparsity: Floats
    synapses: Floats
    rate: Floats


@dataclass(frozen=True, eq=False)
class LayersInfo:
    """Names in the order of the forward pass; the front, from least to most sparse; the dense arm or None.

    `trainings`: completed ones with lists; `severed`, `silent`: in how many of them, and in how many of the
    front, a layer had no synapse left that leads anywhere, or a spiking layer no spike; `affected`: numbers
    of those with any such layer.
    """

    layers: tuple[str, ...]
    nodes: tuple[str, ...]
    front: tuple[Network, ...]
    dense: Network | None
    drawn: frozenset[int]
    trainings: int
    severed: Mapping[str, tuple[int, int]]
    silent: Mapping[str, tuple[int, int]]
    affected: tuple[int, ...]


def layers_info(study: Study, outcome: Outcome) -> LayersInfo:
    """The lists of the trials' last epoch. A list of another length than the names counts as unknown."""
    sparsity = f"layer_{study.sparsity}"
    known = [lists for lists in study.lists.values() if lists]
    if not any(sparsity in lists for lists in known):
        sparsity = "layer_sparsity_params"
    layers = _names(study.part("network").get("layers"), known, (SYNAPSES, sparsity), "layer")
    nodes = _names(study.part("network").get("nodes"), known, (RATE,), "spiking layer")

    def network(trial: int, scheduler: str, reference: bool) -> Network:
        lists = study.lists.get(trial, {})
        return Network(
            trial, scheduler, reference, _values(lists, sparsity, len(layers)),
            _values(lists, SYNAPSES, len(layers)), _values(lists, RATE, len(nodes)),
        )  # fmt: skip

    def rows(frame: Any, reference: bool) -> list[Network]:
        named = zip(frame["number"].tolist(), frame["scheduler"], strict=True)
        return [network(trial, name, reference) for trial, name in named if study.lists.get(trial)]

    front = rows(outcome.front, False)
    dense = rows(outcome.references[outcome.references["scheduler"] == "dense"], True)
    numbers = outcome.trials.loc[outcome.trials["state"] == "COMPLETE", "number"].tolist()
    listed = [trial for trial in numbers if study.lists.get(trial)]
    width = max(len(layers), 1)
    gone = np.array(
        [
            (_values(study.lists[trial], SYNAPSES, width) == 0)
            | (_values(study.lists[trial], LIVE, width) == 0)
            for trial in listed
        ]
    ).reshape(len(listed), width)[:, : len(layers)]
    mute = np.array([_values(study.lists[trial], RATE, len(nodes)) == 0 for trial in listed])
    mute = mute.reshape(len(listed), len(nodes))
    best = np.isin(listed, [one.number for one in front])

    def counts(names: tuple[str, ...], dead: NDArray[np.bool_]) -> dict[str, tuple[int, int]]:
        pairs = zip(names, dead.sum(axis=0).tolist(), dead[best].sum(axis=0).tolist(), strict=True)
        return {name: (n, on) for name, n, on in pairs if n}

    hit = np.flatnonzero(gone.any(axis=1) | mute.any(axis=1))
    keep = {*outcome.confirmed_front, *([outcome.knee] if outcome.knee is not None else [])}
    return LayersInfo(
        layers, nodes, tuple(front), dense[0] if dense else None,
        frozenset(spread([one.number for one in front], MOST, keep)), len(listed), counts(layers, gone),
        counts(nodes, mute), tuple(listed[i] for i in hit),
    )  # fmt: skip


def _names(
    told: object, known: Sequence[Mapping[str, list[Any]]], metrics: Sequence[str], word: str
) -> tuple[str, ...]:
    """The names of study.json, or numbers where it has none of a fitting count."""
    lengths = [len(lists[name]) for lists in known for name in metrics if name in lists]
    length = max(set(lengths), key=lambda n: (lengths.count(n), n)) if lengths else 0
    if isinstance(told, list) and len(told) == length and len({str(name) for name in told}) == length:
        return tuple(str(name) for name in told)
    return tuple(f"{word} {i}" for i in range(1, length + 1))


def _values(lists: Mapping[str, list[Any]], name: str, length: int) -> Floats:
    found = lists.get(name)
    if found is None or len(found) != length:
        return np.full(length, np.nan)
    number = [
        value if isinstance(value, int | float) and not isinstance(value, bool) else np.nan for value in found
    ]
    return np.array(number, dtype=np.float64)


def height(info: LayersInfo) -> int:
    """Pixels: a row per layer."""
    return 120 + max(26 * max(len(info.layers), len(info.nodes)), 180)


def views(info: LayersInfo, styles: dict[str, Style]) -> list[tuple[str, go.Figure]]:
    """A line per network through the layers, from the first at the top to the last at the bottom."""
    found = []
    if any(np.isfinite(one.sparsity).any() for one in info.front):
        axis: dict[str, Any] = {"ticksuffix": " %", "title": {"text": "Sparsity of the layer"}}
        found.append(("Sparsity", _draw(info, styles, "sparsity", info.layers, axis, 100.0)))
    if any(np.isfinite(one.synapses).any() for one in info.front):
        networks = [*([info.dense] if info.dense else []), *info.front]
        values = np.concatenate([one.synapses for one in networks])
        values = np.maximum(values[np.isfinite(values)], 0.5)
        axis = log_axis(values.min(), values.max()) | {"title": {"text": "Synapses left in the layer"}}
        found.append(("Synapses", _draw(info, styles, "synapses", info.layers, axis, 1.0)))
    if any(np.isfinite(one.rate).any() for one in info.front):
        axis = {
            "rangemode": "tozero",
            "title": {"text": "Firing rate of the spiking layer (per neuron and step)"},
        }
        found.append(("Firing rate", _draw(info, styles, "rate", info.nodes, axis, 1.0)))
    return found


def _draw(
    info: LayersInfo,
    styles: dict[str, Style],
    field: str,
    names: tuple[str, ...],
    axis: dict[str, Any],
    by: float,
) -> go.Figure:
    figure, seen = go.Figure(layout={"template": theme.template()}), set[str]()
    log = axis.get("type") == "log"
    drawn = [one for one in info.front if one.number in info.drawn]
    for one in [*([info.dense] if info.dense else []), *drawn]:
        style, values = styles[one.scheduler], getattr(one, field)
        # A log axis has no place for zero: a layer without synapses stands at its left end.
        shown = [None if v != v else max(by * v, 0.5) if log else by * v for v in values.tolist()]
        unit = "fraction" if field == "sparsity" else None
        figure.add_scatter(
            x=shown, y=list(range(len(names))), mode="lines+markers",
            line={"color": style.color, "width": 1.2, "dash": style.dash}, opacity=0.85,
            marker={"symbol": style.symbol, "size": 8, "color": style.color},
            name=plotly_text(style.label), legendgroup=plotly_text(one.scheduler),
            showlegend=one.scheduler not in seen, hoverinfo="text",
            hovertext=[
                f"<b>trial {one.number}</b>, {plotly_text(style.label)}<br>"
                f"{plotly_text(short(name, 40))}: {by_unit(value, unit)}"
                for name, value in zip(names, values.tolist(), strict=True)
            ],
            customdata=[one.number] * len(names), meta=TRIALS,
        )  # fmt: skip
        seen.add(one.scheduler)
    labels = [plotly_text(short(name, 18)) for name in names]
    figure.update_layout(
        xaxis=axis,
        yaxis={"tickvals": list(range(len(names))), "ticktext": labels, "range": [len(names) - 0.5, -0.5]},
    )
    return figure
