"""Which chips a network fits on."""

from __future__ import annotations

import json
from math import inf

import pytest

from trainables.cost import CHIPS, chips


def by_name(**needs: int) -> dict[str, chips.Fit]:
    return {fit.chip.name: fit for fit in chips.fits(**needs)}


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_every_chip_has_limits_that_it_keeps(chip: chips.Chip) -> None:
    """At its limits a network fits with nothing to spare; one more of any resource, and that one is named."""
    full = {name: limit for name, limit in vars(chip.limits).items() if limit is not None}
    assert chip.limits.neurons
    assert chip.source
    needs = {"neurons": 1, "synapses": 1, "fan_in": 1} | full
    fit = by_name(**needs)[chip.name]
    assert fit.fits
    assert fit.margin == 1
    for name in full:
        fit = by_name(**needs | {name: full[name] + 1})[chip.name]
        assert not fit.fits
        assert fit.limiting == name
        assert fit.margin == full[name] / (full[name] + 1)


def test_the_paper_s_network_at_d_2() -> None:
    """985,188 neurons; 5.32 % of 1.615e9 synapses: within Loihi's synapses, not within its neurons."""
    found = by_name(neurons=985_188, synapses=85_900_000, fan_in=200)
    assert found["Loihi"].limiting == "neurons"
    assert found["Loihi"].margin == pytest.approx(131_072 / 985_188)
    assert found["Loihi 2"].fits
    assert found["TrueNorth"].fits
    assert not by_name(neurons=985_188, synapses=85_900_000, fan_in=300)["TrueNorth"].fits


def test_an_unpruned_kernel_is_stored_whole_where_zeros_free_nothing() -> None:
    assert by_name(neurons=10, synapses=10, fan_in=3)["Speck"].fits  # weights were not given
    assert not by_name(neurons=10, synapses=10, fan_in=3, weights=300_000)["Speck"].fits


def test_nothing_fits_everywhere() -> None:
    assert all(fit.margin == inf and fit.fits for fit in chips.fits(0, 0, 0, 0, 0))


def test_what_is_not_confirmed_is_marked() -> None:
    unsure = {chip.name for chip in CHIPS if not chip.confirmed}
    assert {"BrainScaleS", "Darwin", "Akida"} <= unsure
    assert {"TrueNorth", "Loihi", "SpiNNaker", "DYNAP-SE", "Tianjic"}.isdisjoint(unsure)
    assert [chip.label for chip in CHIPS if chip.name in ("Loihi", "Akida")] == [
        "Loihi",
        "Akida (unconfirmed)",
    ]
    assert len({chip.name for chip in CHIPS}) == len(CHIPS)


def test_the_table_is_plain_data_with_the_labels_of_a_row() -> None:
    """It survives JSON, in order; what `fits` names can be looked up in it."""
    table = json.loads(json.dumps(chips.table()))
    assert [row["name"] for row in table] == [chip.name for chip in CHIPS]
    assert {row["label"] for row in table} == {fit.chip.label for fit in chips.fits(1, 1, 1)}
    row = table[[chip.name for chip in CHIPS].index("DYNAP-SE")]
    assert row["limits"] == {
        "neurons": 1024, "synapses": 65_536, "fan_in": 64, "fan_out": None, "weights": None,
    }  # fmt: skip
    assert row["confirmed"] is True
