"""What the networks need of a chip, and which chips have it: as the rows and study.json tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.outcome import Outcome
from analysis.records import mapping, number
from analysis.results import Study
from analysis.text import finite

# The needs, by the names that a chip's limits have; `weights` counts zeros too, for chips that store them.
NEEDS = {
    "neurons": "neurons_live", "synapses": "synapses_live", "fan_in": "fan_in", "fan_out": "fan_out",
}  # fmt: skip
WORDS = {
    "neurons": "neurons", "synapses": "synapses", "fan_in": "fan-in", "fan_out": "fan-out",
    "weights": "stored weights",
}  # fmt: skip
UNCONFIRMED = " (unconfirmed)"


@dataclass(frozen=True)
class Chip:
    """One chip; `limits` by resource, empty where study.json does not tell them."""

    name: str
    label: str
    limits: Mapping[str, float]
    source: str
    confirmed: bool


@dataclass(frozen=True)
class Point:
    """One network, what it needs and costs; NaN where unknown. `chips`: labels of those it fits, or None."""

    number: int
    scheduler: str
    kind: str
    sparsity: float
    accuracy: float
    needs: Mapping[str, float]
    synops: float
    macs: float
    energy_nj: float
    chips: frozenset[str] | None

    def fits(self, chip: Chip) -> bool | None:
        """Whether it fits, as its row says; None where the row says nothing."""
        return None if self.chips is None else chip.label in self.chips

    def exceeds(self, chip: Chip) -> list[tuple[str, float, float]]:
        """The limits that it does not keep, as (resource, needed, there is)."""
        return [
            (name, self.needs[name], limit)
            for name, limit in chip.limits.items()
            if finite(self.needs.get(name)) and self.needs[name] > limit
        ]


def chips_of(study: Study) -> tuple[Chip, ...]:
    """The chips of study.json in its order; in an older folder those that any row names, without limits."""
    listed = study.info.get("chips")
    told = [mapping(row) for row in listed] if isinstance(listed, list) else []
    found = [_chip(row) for row in told if isinstance(row.get("label"), str)]
    if found:
        return tuple(found)
    rows = [lists["chips"] for lists in study.lists.values() if "chips" in lists]
    # The longest list first: it is in the table's order, and most lists are part of it.
    labels = dict.fromkeys(str(label) for row in sorted(rows, key=len, reverse=True) for label in row)
    return tuple(
        Chip(label.removesuffix(UNCONFIRMED), label, {}, "", not label.endswith(UNCONFIRMED))
        for label in labels
    )


def _chip(row: Mapping[str, Any]) -> Chip:
    limits = {name: number(value) for name, value in mapping(row.get("limits")).items() if name in WORDS}
    return Chip(
        str(row.get("name", row["label"])), row["label"],
        {name: value for name, value in limits.items() if finite(value)},
        str(row.get("source") or ""), row.get("confirmed") is True,
    )  # fmt: skip


def points_of(study: Study, outcome: Outcome) -> tuple[Point, ...]:
    """The dense arm, then the front from least to most sparse; those with any need or cost recorded."""
    weights = number(study.part("network").get("prunable_weights"))
    dense = outcome.references[outcome.references["scheduler"] == "dense"].iloc[:1]
    found = [
        _point(row, kind, study, weights)
        for rows, kind in ((dense, "dense"), (outcome.front, "front"))
        for row in rows.to_dict("records")
    ]
    return tuple(point for point in found if _told(point))


def _point(row: Mapping[Any, Any], kind: str, study: Study, weights: float) -> Point:
    needs = {name: number(row.get(column)) for name, column in NEEDS.items()} | {"weights": weights}
    named = study.lists.get(int(row["number"]), {}).get("chips")
    return Point(
        int(row["number"]), str(row["scheduler"]), kind, number(row[study.sparsity]),
        number(row[study.accuracy]), needs, number(row.get("synops")), number(row.get("macs")),
        number(row.get("energy_nj")), chips=None if named is None else frozenset(map(str, named)),
    )  # fmt: skip


def _told(point: Point) -> bool:
    live = [value for name, value in point.needs.items() if name != "weights"]
    costs = [point.synops, point.macs, point.energy_nj]
    return point.chips is not None or any(finite(value) for value in [*live, *costs])


def fitting(point: Point, chips: Sequence[Chip]) -> tuple[list[Chip], list[Chip]]:
    """The chips that a point fits: those with confirmed limits, and the others."""
    those = [chip for chip in chips if point.fits(chip)]
    return [chip for chip in those if chip.confirmed], [chip for chip in those if not chip.confirmed]
