"""After the search: the front's networks, baked, with their test accuracy, which nothing has seen before."""

from __future__ import annotations

from typing import Any

from study.search import Search
from study.store import Store, write_json
from trainables import train
from trainables.config import TrainConfig

STATE = "state.pt"


def front(store: Store, search: Search, ended: list[dict[str, Any]]) -> str | None:
    """Write ``models/`` for every trial of the front; returns what could not be read, in one line."""
    lines = {line["number"]: line for line in ended}
    index, missing = [], []
    for trial in search.front():
        line = lines[trial.number]
        try:
            state = train.load(store.folder / str(line["checkpoint"]) / STATE)
            config = TrainConfig(**line["config"])
            model, accuracy, left = train.baked_network(config, state)
        except (OSError, RuntimeError, KeyError) as error:
            missing.append(f"#{trial.number} ({error})")
            continue
        file = f"trial-{trial.number:04d}.pt"
        train.save({"config": config.model_dump(), "model": model.state_dict()}, store.models / file)
        index.append(
            {"number": trial.number, "file": file, "accuracy_test": accuracy, "nonzero_weights": left}
        )
    write_json(store.models / "index.json", {"trials": index})
    return f"no network kept for {', '.join(missing)}" if missing else None
