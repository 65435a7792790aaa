"""Studies without Ray: the real agenda, search, recorder and store; the rows are made up from the config."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna

from study.agenda import Agenda, Suggestion
from study.record import Recorder
from study.search import Search
from study.spec import StudySpec
from study.store import Store
from trainables.assembly import final_threshold
from trainables.config import TrainConfig
from trainables.metrics import METRICS

TIMES = ("started_at", "ended_at", "retries", "epochs_redone")  # of a trial: what may differ by run
COLLAPSE = 0.5  # D from which a made-up training ends at chance level
ARMS = ["dense", "linear", "sine", "slats"]
THREE = {  # a space of three points: three schedules, everything else fixed
    "schedulers": ["linear", "sine", "slats"],
    "threshold": [0.3, 0.3],
    "start": [0.1, 0.1],
    "end": [0.9, 0.9],
}


def make(trials: int = 4, epochs: int = 2, **groups: Any) -> StudySpec:
    """A small study; ``groups`` override leaf by leaf."""
    values: dict[str, Any] = {
        "name": "made",
        "train": {"epochs": epochs},
        "space": {"schedulers": ["sine", "kumaraswamy"]},
        "search": {"trials": trials, "startup": 2, "sampler": "tpe", "confirm": 0},
    }
    for name, group in groups.items():
        values[name] = values.get(name, {}) | group
    return StudySpec.model_validate(values)


@contextmanager
def opened(
    spec: StudySpec, folder: Path, arrange: Callable[[Store], None] = lambda store: None
) -> Iterator[Recorder]:
    """The books of a new or an interrupted study, put together as ``study.conduct`` does."""
    store = Store(folder)
    arrange(store)
    if (folder / "study.json").exists():
        store.load()
    asked, ended = store.asked.read(), store.trials.read()
    search = Search(spec, folder / "optuna.db", asked, ended, store.study.get("sampler"))
    agenda = Agenda(spec, search, asked, ended)
    try:
        yield Recorder(agenda, store)
    finally:
        agenda.close()
        store.close()


def row(config: TrainConfig, epoch: int, **changes: Any) -> dict[str, Any]:
    """An epoch: sparsity grows with D, accuracy falls, a late window helps, and so does a lucky seed."""
    u = epoch / config.epochs
    d = 0.0 if config.pruner == "dense" else config.final_threshold
    late = 0.0 if config.pruner == "dense" else 0.1 * (1 - config.window_end)
    luck = config.seed * 0.37 % 0.01
    known = {
        "epoch": epoch,
        "progress": u,
        "accuracy_val": 0.1 if d >= COLLAPSE and u >= 0.5 else 1 - d * d - late - luck,
        "sparsity_params": u * d / (0.2 + d),
        "threshold": final_threshold(config) if u >= 0.5 else 0.0,
        "wall_s": 0.125 * epoch,
    }
    numbers = {name: 0.25 for name in METRICS if name != "accuracy_test"}
    return {**numbers, **known, "chips": [], "reason": None, "done": False, "pid": 7} | changes


def train(books: Recorder, suggestion: Suggestion, begin: int = 1) -> None:
    """One trial to its end; its rows from epoch ``begin`` on, as a process that was restarted sends them."""
    for epoch in range(begin, suggestion.config.epochs + 1):
        one = row(suggestion.config, epoch)
        stop = books.should_stop(suggestion.number, one)
        books.row(suggestion.number, one)
        if stop:
            break
    books.end(suggestion.number)


def run_out(books: Recorder) -> list[Suggestion]:
    """One trial after the other until none is left; the suggestions."""
    done = []
    while (suggestion := books.next()) is not None:
        train(books, suggestion)
        done.append(suggestion)
    return done


def copied(folder: Path, to: Path) -> Path:
    """The folder as a kill at this moment leaves it: all that is written is in its files."""
    shutil.copytree(folder, to)
    return to


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """A log of the study folder, without what may differ from run to run."""
    found = [json.loads(line) for line in (folder / f"{name}.jsonl").read_bytes().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in found]


def outcome(folder: Path) -> dict[str, Any]:
    """All that a study has found, in an order that does not depend on interruptions."""
    rows = sorted(lines(folder, "epochs"), key=lambda one: (one["number"], one["epoch"]))
    trials = sorted(lines(folder, "trials"), key=lambda one: int(one["number"]))
    return {"asked": lines(folder, "asked"), "trials": trials, "epochs": rows, "optuna": told(folder)}


def told(folder: Path) -> dict[int, tuple[str, dict[str, Any], list[float] | None]]:
    """What plain Optuna reads in the study's database: state, parameters and values by our number."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'optuna.db'}")
    (name,) = optuna.get_all_study_names(storage)
    found = {}
    for trial in optuna.load_study(study_name=name, storage=storage).trials:
        assert trial.user_attrs["number"] not in found
        found[trial.user_attrs["number"]] = (trial.state.name, trial.params, trial.values)
    storage.remove_session()
    storage.engine.dispose()
    return found


def line(number: int, values: Mapping[str, float], kind: str = "search", **changes: Any) -> dict[str, Any]:
    """A hand-made line of trials.jsonl: complete, every constraint kept."""
    params = changes.pop("params", {"final_threshold": 0.01 * (number + 1)})
    config = TrainConfig.model_validate(TrainConfig().model_dump() | params)
    return {
        "number": number,
        "kind": kind,
        "name": None,
        "state": "COMPLETE",
        "params": params,
        "config": config.model_dump(mode="json"),
        "values": dict(values),
        "violations": {"accuracy_floor": -0.1},
        "metrics": {"accuracy_val": 0.9, "sparsity_params": 0.9} | dict(values),
        "replicate_of": None,
        "train_wall_s": 1.0,
    } | changes
