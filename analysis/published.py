"""Published results of pruned spiking networks, and which of them may lie beside a study.

The table is `published.csv`: one result a row, fractions in [0, 1], its source in the row. Authors report one
of two sparsities: zeroed parameters or lost synapses. They differ by a factor of two in what remains on one
and the same network, so a result has a value only where its source gives one, and no other stands in for it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analysis import text
from analysis.records import mapping
from analysis.results import Study

TABLE = Path(__file__).with_name("published.csv")
# Other names of the same thing. A VGG16 with another head is another network and has no row here.
_SAME = {
    "imagenet1k": "imagenet",
    "ilsvrc2012": "imagenet",
    "cifar10dvs": "dvscifar10",
    "sixconv": "6conv2fc",
}


@dataclass(frozen=True)
class Result:
    """One published result. `sparsity`: by metric, fractions; `weights`: prunable ones, where known.

    Accuracies are of the test split; `dense_accuracy` is NaN and the numbers are None where unknown.
    """

    method: str
    dataset: str
    network: str
    weights: int | None
    timesteps: int | None
    dense_accuracy: float
    accuracy: float
    sparsity: Mapping[str, float]
    threshold_final: float | None
    scheduler: str
    source: str

    @property
    def pair(self) -> tuple[str, str]:
        """Network and data set, in the spelling of the table."""
        return self.network, self.dataset


@dataclass(frozen=True)
class Published:
    """The results that match a study in data set and network, and a sentence on what matches and what not."""

    results: tuple[Result, ...]
    note: str


def plain(name: object) -> str:
    """A name without case, spaces and punctuation: 'CIFAR-10' and 'cifar10' meet, as do '6Conv 2FC's."""
    letters = "".join(letter for letter in str(name).casefold() if letter.isalnum())
    return _SAME.get(letters, letters)


@cache
def known() -> tuple[Result, ...]:
    """Every row of the table, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_result(row) for row in csv.DictReader(file))


def _result(row: Mapping[str, str]) -> Result:
    kinds = ("sparsity_params", "sparsity_synapses")
    return Result(
        method=row["method"],
        dataset=row["dataset"],
        network=row["network"],
        weights=int(row["prunable_weights"]) if row["prunable_weights"] else None,
        timesteps=int(row["timesteps"]) if row["timesteps"] else None,
        dense_accuracy=float(row["dense_accuracy"] or "nan"),
        accuracy=float(row["accuracy"]),
        sparsity={kind: float(row[kind]) for kind in kinds if row[kind]},
        threshold_final=float(row["threshold_final"]) if row["threshold_final"] else None,
        scheduler=row["scheduler"],
        source=row["source"],
    )


def published(study: Study) -> Published:
    """What of the table belongs beside the study: same data set, same network, and that of the same size.

    The size is compared by prunable weights where the table has them; a network with arguments of its own
    matches nothing without.
    """
    network, data, train = study.part("network"), study.part("data"), mapping(study.part("spec").get("train"))
    named = [
        result
        for result in known()
        if plain(result.network) == plain(network.get("name"))
        and plain(result.dataset) == plain(data.get("name"))
    ]
    size, changed = network.get("prunable_weights"), bool(train.get("network_args"))
    fits = [one for one in named if (one.weights == size if one.weights and size else not changed)]
    what = f"{text.short(network.get('name', 'this network'), 40)} on {text.short(data.get('name', '?'), 40)}"
    if fits:
        return Published(tuple(fits), _matching(fits, train.get("timesteps")))
    if named:
        weights = f"its {named[0].weights:,} weights" if named[0].weights else "its published size"
        start = (
            f"Published results for {what} are not drawn: they belong to {weights}, this network has "
            f"{text.number(size)}{' and arguments of its own' if changed else ''}."
        )
    else:
        start = f"No published result of this program's table matches {what}."
    return Published((), f"{start} There are results for {_pairs()}.")


def _matching(results: list[Result], timesteps: object) -> str:
    methods = text.listing(list(dict.fromkeys(result.method for result in results)))
    steps = sorted({result.timesteps for result in results if result.timesteps})
    trained = f"T = {text.listing([str(step) for step in steps])}" if steps else "T unknown"
    here = f", here T = {timesteps}" if text.finite(timesteps) else ""
    return (
        f"{text.count(len(results), 'published result')} for {results[0].network} on {results[0].dataset} "
        f"({methods}; {trained}{here}) are drawn, each only on the axis of the sparsity that its source "
        "gives. They are test accuracies under their authors' settings: they place the study, no more."
    )


def _pairs() -> str:
    """'6conv2fc, VGG16 and ResNet19 on CIFAR-10; VGG16 on CIFAR-100'."""
    by_data: dict[str, list[str]] = {}
    for network, dataset in dict.fromkeys(result.pair for result in known()):
        by_data.setdefault(dataset, []).append(network)
    return "; ".join(f"{text.listing(networks)} on {dataset}" for dataset, networks in by_data.items())
