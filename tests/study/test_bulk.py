"""Filing at once must leave what Optuna itself would have left."""

from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from study import bulk

SPACE = {
    "d": FloatDistribution(1e-3, 1.0, log=True),
    "knots": IntDistribution(2, 9),
    "shape": CategoricalDistribution(["sine", "slats", None]),
}
PARAMS = {"d": 0.0123456789, "knots": 4, "shape": "slats"}


def trials() -> list[FrozenTrial]:
    attrs = {"kind": "search", "number": 7, "name": 'an "arm"'}
    return [
        create_trial(
            params=PARAMS, distributions=SPACE, values=[0.9, float("inf")], constraints={"floor": -0.1}
        ),
        create_trial(params={"d": 0.5}, distributions={"d": SPACE["d"]}, state=TrialState.PRUNED),
        create_trial(state=TrialState.FAIL, user_attrs=attrs),
        create_trial(
            values=[1e-300, -1.0], constraints={"floor": 0.3, "synapses <= 10": 5.0}, user_attrs=attrs
        ),
    ]


def opened(path: Path) -> tuple[optuna.storages.RDBStorage, optuna.Study]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(storage=storage, study_name="s", directions=["maximize", "maximize"])
    return storage, study


def told(path: Path) -> list[dict[str, object]]:
    found = optuna.load_study(study_name="s", storage=f"sqlite:///{path}").get_trials()
    # the start of a trial that never ran is the moment in which it was entered
    return [
        {k: v for k, v in vars(t).items() if not k.startswith("_datetime") and "datetime" not in k}
        for t in found
    ]


def test_rows_are_those_of_optuna(tmp_path: Path) -> None:
    ours, study = opened(tmp_path / "ours.db")
    bulk.add(ours, study._study_id, trials()[:3], 0)
    bulk.add(ours, study._study_id, trials()[3:], 3)
    _, theirs = opened(tmp_path / "theirs.db")
    theirs.add_trials(trials())
    assert told(tmp_path / "ours.db") == told(tmp_path / "theirs.db")
    assert len(told(tmp_path / "ours.db")) == 4


def test_times_are_kept(tmp_path: Path) -> None:
    storage, study = opened(tmp_path / "s.db")
    given = trials()[0]
    bulk.add(storage, study._study_id, [given], 0)
    (found,) = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path / 's.db'}").trials
    assert (found.datetime_start, found.datetime_complete) == (given.datetime_start, given.datetime_complete)


def test_all_or_none(tmp_path: Path) -> None:
    storage, study = opened(tmp_path / "s.db")
    bad = create_trial(state=TrialState.FAIL, user_attrs={"number": 1})
    bad.user_attrs["unwritable"] = object()
    with pytest.raises(TypeError, match="not JSON serializable"):
        bulk.add(storage, study._study_id, [trials()[0], bad], 0)
    assert told(tmp_path / "s.db") == []
