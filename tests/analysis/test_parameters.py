"""What a search varied, out of the parameters of its trials."""

import numpy as np
import pandas as pd

from analysis.parameters import OTHER, Parameter, parameters


def frame(*params: dict[str, object], ratio: float = float("nan")) -> pd.DataFrame:
    """Trials with these parameters."""
    return pd.DataFrame({"params": params, "threshold_ratio": [ratio] * len(params)})


def test_numbers_choices_lists_and_gaps() -> None:
    """What never differs is no parameter; a list is one parameter per place; a name of a schedule is told."""
    rows = [
        {"a": 0.1 * i, "same": 1, "scheduler": "slats" if i % 2 else "kumaraswamy", "split": [0.1 * i, 1.0]}
        for i in range(6)
    ]
    rows += [{"scheduler": "slats", "flag": True}, {"scheduler": "slats", "flag": False}]
    found = {p.name: p for p in parameters(frame(*rows))}
    assert sorted(found) == ["a", "flag", "scheduler", "split 1"]
    assert found["a"].values[:6].round(3).tolist() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert np.isnan(found["a"].values[6:]).all()
    assert found["scheduler"].choices == ("S-LATS", "Kumaraswamy")
    assert found["scheduler"].values.tolist() == [1, 0, 1, 0, 1, 0, 0, 0]
    assert found["flag"].choices == ("false", "true")
    assert found["flag"].shown(float("nan")) == "none"
    assert found["a"].shown(0.25) == "0.25"


def test_few_numbers_are_ordered_choices() -> None:
    """2 and 4 and 16 time steps, in the order of numbers."""
    found = parameters(frame(*({"timesteps": n} for n in (16, 2, 4, 2))))
    assert found[0].choices == ("2", "4", "16")
    assert found[0].values.tolist() == [2, 0, 1, 0]


def test_the_final_threshold_is_shown_in_its_natural_unit() -> None:
    """Whatever the unit it was searched in."""
    table = frame(*({"final_threshold": 10.0 * i} for i in range(6)))
    table["threshold_ratio"] = [0.1 * i for i in range(6)]
    found = parameters(table)[0]
    assert found.label.startswith("D")
    assert found.values.tolist() == table["threshold_ratio"].tolist()


def test_many_choices_keep_the_frequent() -> None:
    """Eleven of them, and the rest together."""
    names = [f"c{i:02d}" for i in range(20) for _ in range(40 - i)]
    found = parameters(frame(*({"x": name} for name in names)))[0]
    assert found.choices == (*(f"c{i:02d}" for i in range(11)), OTHER)
    assert int(np.bincount(found.values.astype(int))[-1]) == sum(40 - i for i in range(11, 20))


def test_log_where_the_median_is_nearer_to_the_middle() -> None:
    """A log-uniform parameter over two decades, not a uniform one that comes close to 0."""
    assert Parameter("x", "x", np.geomspace(0.001, 0.1, 50)).log
    assert not Parameter("x", "x", np.linspace(0.001, 0.3, 50)).log
    assert not Parameter("x", "x", np.geomspace(1, 5, 50)).log
    assert not Parameter("x", "x", np.linspace(0, 3, 50)).log
    assert not Parameter("x", "x", np.full(3, np.nan)).log
