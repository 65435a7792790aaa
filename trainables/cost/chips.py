"""Which neuromorphic chips a pruned network fits on: a table of limits and a comparison.

A first sieve, not a mapping: cores, routing and weight precision are not looked at. One chip each; boards and
wafers hold more. To add a chip: one row of ``CHIPS``; None where no limit is known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from typing import Any


@dataclass(frozen=True)
class Needs:
    """What a network asks for, and in :class:`Chip` what there is.

    ``fan_in``, ``fan_out``: synapses of one neuron. ``weights``: weights that are stored once and shared by
    positions, zeros included, for the chips on which an unstructured zero frees nothing.
    """

    neurons: int | None = None
    synapses: int | None = None
    fan_in: int | None = None
    fan_out: int | None = None
    weights: int | None = None


@dataclass(frozen=True)
class Chip:
    """One row. Not ``confirmed``: promised by the vendor, derived, or not traced to a source."""

    name: str
    limits: Needs
    source: str
    confirmed: bool

    @property
    def label(self) -> str:
        """The name, marked where the limits are not confirmed."""
        return self.name if self.confirmed else f"{self.name} (unconfirmed)"


_ONM = "Open Neuromorphic, hardware pages (github.com/open-neuromorphic, 28f5083)"
_SINABS = "sinabs, backend/dynapcnn/chips/dynapcnn.py"

CHIPS: tuple[Chip, ...] = (
    # 256 inputs and 256 outputs per core; a neuron's output reaches one core, so 256 synapses.
    Chip("TrueNorth", Needs(2**20, 2**28, fan_in=256, fan_out=256), "Merolla et al. Science 2014", True),
    Chip("Loihi", Needs(131_072, 130_000_000), _ONM, True),
    # 16 cores x about 1000 neurons x about 1000 synapses: a budget for real time, not a wall.
    Chip("SpiNNaker", Needs(16_000, 16_000_000), "18 ARM cores, 16 used; real-time budget", True),
    Chip("DYNAP-SE", Needs(1024, 65_536, fan_in=64), "Moradi et al. TBioCAS 2018", True),
    # 224 synapses x 512 neurons; 14,080 is also found and could not be traced.
    Chip("BrainScaleS", Needs(512, 114_688), "one HICANN; count of the first generation", False),
    Chip("Tianjic", Needs(40_000, 10_000_000), "Pei et al. Nature 2019", True),
    # 2048 neurons, every pair a synapse. 15,000 neurons, over 10^7 synapses may be Darwin 2: not confirmed.
    Chip("Darwin", Needs(2048, 2048**2), "first generation, 2016; synapses derived", False),
    Chip("Akida", Needs(1_200_000, 10_000_000_000), f"vendor, by {_ONM}", False),
    # Newer ones.
    Chip("Loihi 2", Needs(1_000_000, 120_000_000), _ONM, True),
    Chip("SpiNNaker 2", Needs(152_000, 152_000_000), _ONM, True),
    Chip("BrainScaleS-2", Needs(512, 131_072, fan_in=256), _ONM, True),
    Chip("Darwin3", Needs(2_350_000), "NSR 2024, abstract; synapses not stated", False),
    # Convolution kernels are stored whole (and padded to powers of two, which is not counted here).
    Chip("Speck", Needs(328_000, weights=278_000), f"{_ONM}; sinabs", True),
    Chip("DYNAP-CNN", Needs(1_000_000, weights=2_000_000), _SINABS, True),
    Chip("Xylo Audio 2", Needs(1008, 64_000, fan_in=63, fan_out=64), f"rockpool; {_ONM}", True),
    Chip("Innatera T1", Needs(500, 60_000), _ONM, False),
)


def table() -> list[dict[str, Any]]:
    """The chips as plain data, for files: ``label`` is the name that a row's ``chips`` lists."""
    return [{**asdict(chip), "label": chip.label} for chip in CHIPS]


@dataclass(frozen=True)
class Fit:
    """How a network and a chip go together."""

    chip: Chip
    limiting: str  # the resource that is used up first
    margin: float  # what the chip has of it / what the network needs; at least 1: it fits

    @property
    def fits(self) -> bool:
        """No known limit is exceeded."""
        return self.margin >= 1


def fits(
    neurons: int, synapses: int, fan_in: int, fan_out: int | None = None, weights: int | None = None
) -> list[Fit]:
    """Compare a network, best without its dead neurons, with every chip, in the table's order.

    A need that is not given is not looked at: a chip may then seem to fit.
    """
    needs = vars(Needs(neurons, synapses, fan_in, fan_out, weights))
    found = []
    for chip in CHIPS:
        margins = {
            name: limit / needs[name] if needs[name] else inf
            for name, limit in vars(chip.limits).items()
            if limit is not None and needs[name] is not None
        }
        limiting = min(margins, key=margins.__getitem__)
        found.append(Fit(chip, limiting, margins[limiting]))
    return found
