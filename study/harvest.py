"""After the search: the front's networks and the dense one, baked, with their test accuracy.

The test part is read here and nowhere else, once, when nothing is selected any more.
"""

from __future__ import annotations

from typing import Any

from study.search import Search
from study.store import Store, write_json
from trainables import checkpoint
from trainables.assembly import baked_network
from trainables.config import TrainConfig
from trainables.errors import ConfigError


def front(store: Store, search: Search, ended: list[dict[str, Any]]) -> str | None:
    """Write ``models/`` for the front and the dense arm; returns what could not be read, in one line."""
    kept = {trial.number for trial in search.front()}
    kept |= {line["number"] for line in ended if line["name"] == "dense" and line["values"]}
    chosen = [line for line in ended if line["number"] in kept]
    index, missing = [], []
    for line in chosen:
        number = line["number"]
        try:
            state = checkpoint.load(store.folder / str(line["checkpoint"]) / checkpoint.STATE_FILE)
            config = TrainConfig(**line["config"])
            model, accuracy, left = baked_network(config, state)
        except (OSError, RuntimeError, KeyError, ConfigError) as error:
            missing.append(f"#{number} ({error})")
            continue
        file = f"trial-{number:04d}.pt"
        checkpoint.save(
            {"config": config.model_dump(mode="json"), "model": model.state_dict()}, store.models / file
        )
        index.append({"number": number, "file": file, "accuracy_test": accuracy, "nonzero_weights": left})
    write_json(store.models / "index.json", {"trials": index})
    return f"no network kept for {', '.join(missing)}" if missing else None
