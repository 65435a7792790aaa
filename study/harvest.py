"""After the search: the networks that matter, baked, with their test accuracy.

The test part is read here and nowhere else, once, when nothing is selected any more: for the confirmation
runs of the confirmed front and of the reference arms; without confirmation for the front and the dense arm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from study import confirm, storage
from study.record import Recorder
from study.store import write_json
from trainables import checkpoint
from trainables.assembly import baked_network
from trainables.config import TrainConfig
from trainables.errors import ConfigError


def front(recorder: Recorder) -> str | None:
    """Write ``models/``: the networks, and index.json; returns what could not be read, in one line.

    A network that an earlier end of the study has kept stays where its state is gone by now.
    """
    store, missing = recorder.store, []
    before = _kept(store.models)
    index: list[dict[str, Any]] = []
    saved: set[int] = set()  # one network for each configuration: of the first seed, not of the luckiest
    for line in _wanted(recorder):
        number, of = line["number"], line["replicate_of"]
        try:
            state = storage.patiently(partial(storage.load, store.checkpoint(number)))
            if state["epoch"] != line["epochs"]:  # its last save failed: another network than the line's
                raise KeyError(f"the state holds epoch {state['epoch']} of {line['epochs']}")
            config = TrainConfig(**line["config"])
            model, accuracy, left = baked_network(config, state)
        except (OSError, MemoryError, RuntimeError, KeyError, ConfigError) as error:
            if number in before:
                index.append(before[number])
                saved |= {number if of is None else of} if before[number]["file"] else set()
            else:
                missing.append(f"#{number} ({error.args[0] if isinstance(error, KeyError) else error})")
            continue
        file = None
        if of is None or of not in saved:
            file = f"trial-{number:04d}.pt"
            weights = {"config": config.model_dump(mode="json"), "model": model.state_dict()}
            checkpoint.save(weights, store.models / file)
            saved.add(number if of is None else of)
        index.append({"number": number, "file": file, "accuracy_test": accuracy, "nonzero_weights": left})
    write_json(store.models / "index.json", {"trials": index})
    wanted = {entry["file"] for entry in index}
    for path in store.models.glob("trial-*.pt"):
        if path.name not in wanted:  # of an earlier end of the study, with a smaller budget
            path.unlink()
    return f"no network kept for {', '.join(missing)}" if missing else None


def _kept(models: Path) -> dict[int, dict[str, Any]]:
    """Entries of the index that is there, by number, those whose network is there."""
    try:
        entries = json.loads((models / "index.json").read_bytes())["trials"]
        own = {int(entry["number"]): entry for entry in entries}
        files = {number: f"trial-{number:04d}.pt" for number in own if own[number]["file"] is not None}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    gone = {number for number, file in files.items() if not (models / file).is_file()}
    return {number: own[number] | {"file": files.get(number)} for number in own.keys() - gone}


def _wanted(recorder: Recorder) -> list[Mapping[str, Any]]:
    """Lines of the runs whose networks are kept, by number."""
    chosen = confirm.selected(recorder.agenda.spec, recorder.ended)
    if not chosen:
        chosen = [line for line in recorder.ended if line["name"] == "dense" and line["values"]]
        chosen += recorder.outcome.front
    return sorted(chosen, key=lambda line: int(line["number"]))
