"""``python -m trainables export CHECKPOINT``: the baked network of a checkpoint, for other software."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
import zlib
from collections import Counter
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nir
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import nn

from trainables import cost, data, flags, train
from trainables.config import ConfigError, TrainConfig, build, config_hash, require_known
from trainables.export.check import agreement
from trainables.export.exchange import to_nir
from trainables.export.weights import to_safetensors

FORMATS = ("safetensors", "nir")
MEANT = f"a {train.STATE_FILE} of a training or models/trial-N.pt of a study is meant"
SAMPLES = 64  # of the validation part: read the NIR file back and compare spikes on them


class Options(BaseModel):
    """The flags of the command."""

    model_config = ConfigDict(extra="forbid")

    output: str = Field("", description="folder to write to; when empty, that of the checkpoint")
    format: tuple[str, ...] = Field(FORMATS, min_length=1, description="what to write")
    force: bool = Field(False, description="replace files that exist")

    @field_validator("format")
    @classmethod
    def _formats_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(require_known("format", name, list(FORMATS)) for name in names)


def export_main(argv: list[str]) -> int:
    """Write the files and say what is in them; 0, or 2 when one of them could not be written.

    Files that exist are an error without --force; a format that fails leaves the others written.
    """
    parser = flags.parser(
        "python -m trainables export", "Write a trained network, baked, for other software.", Options
    )
    parser.add_argument("checkpoint", type=Path, help=f"{train.STATE_FILE}, its folder, or models/trial-N.pt")
    problems: list[str] = []
    try:
        given, values, problems = flags.parse(parser, argv)
        options = build(Options, values)
        if problems:
            raise ConfigError(problems)
        _export(given.checkpoint, options)
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _export(checkpoint: Path, options: Options) -> None:
    path = _file(checkpoint)
    folder = Path(options.output) if options.output else path.parent
    targets = {name: folder / f"{path.stem}.{name}" for name in FORMATS if name in options.format}
    taken = [file for file in targets.values() if file.exists()]
    if taken and not options.force:
        raise ConfigError([f"{file} exists; --force replaces it, --output names a folder" for file in taken])
    config, model, metadata = load(path)
    print(
        f"{config.network} on {config.dataset}, {config.pruner}, seed {config.seed}: "
        f"test accuracy {100 * float(metadata['accuracy_test']):.2f} %"
    )
    print(
        f"  weights {int(metadata['weights']):,}, not zero {int(metadata['weights_left']):,} "
        f"(sparsity {100 * float(metadata['sparsity_params']):.2f} %)"
    )
    print(
        f"  synapses {int(metadata['synapses']):,}, left {int(metadata['synapses_left']):,} "
        f"(sparsity {100 * float(metadata['sparsity_synapses']):.2f} %)"
    )
    problems = []
    for name, file in targets.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if name == "safetensors":
                to_safetensors(model, config, metadata, file)
                print(_written(file))
            else:
                graph = to_nir(model, tuple(json.loads(metadata["shape"])), file, metadata)
                print(_written(file))
                _describe(graph, config, model, file)
        except ConfigError as error:
            problems += [f"{file} not written: {problem}" for problem in error.problems]
        except OSError as error:
            problems.append(f"{file} not written: {error.strerror or error}; --output names another folder")
    if problems:
        raise ConfigError(problems)


def _written(file: Path) -> str:
    return f"{file}  {file.stat().st_size / 1000:,.1f} kB"


def _describe(graph: nir.NIRGraph, config: TrainConfig, model: nn.Module, file: Path) -> None:
    nodes = Counter(type(node).__name__ for node in graph.nodes.values())
    print("  nodes: " + ", ".join(f"{count} {name}" for name, count in sorted(nodes.items())))
    found = agreement(model, file, data.load(config.dataset).val.x[:SAMPLES])
    print(
        f"  read back and run on {found.samples} validation samples: {100 * found.spikes:.8g} % of "
        f"{found.neurons:,} neurons' spikes equal, {100 * found.classes:.8g} % of the predicted classes"
    )


def _file(checkpoint: Path) -> Path:
    """The file that is meant; a folder stands for the state in it."""
    path = checkpoint / train.STATE_FILE if checkpoint.is_dir() else checkpoint
    if not path.is_file():
        near = sorted(str(file) for file in path.parent.glob("*.pt"))[:5]
        hint = (
            f"nearest: {', '.join(near)}" if near else f"a {train.STATE_FILE} or models/trial-N.pt is meant"
        )
        raise ConfigError([f"checkpoint: no file {path}; {hint}"])
    return path


def load(path: Path) -> tuple[TrainConfig, nn.Module, dict[str, str]]:
    """From a state of a training, or a baked network of a study: config, plain network, what it is.

    Reads the test part once more, for the accuracy that is written beside the weights. ConfigError where
    the file is no checkpoint; code in it is never run.
    """
    state = _state(path)
    config = build(TrainConfig, state["config"])
    model, geometry = train.network(config)
    dataset = data.load(config.dataset)
    try:
        if any(".parametrizations." in name for name in state["model"]):
            model, accuracy, _ = train.baked_network(config, state)
        else:
            model.load_state_dict(state["model"])
            _, accuracy, _ = train.evaluate(model, dataset.test)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError([f"{path}: its weights are not those of its network: {reason}"]) from None
    count = cost.connections(model, geometry)
    return config, model, {
        "spinetune": _version(),
        "torch": torch.__version__,
        "config_hash": config_hash(config),
        "shape": json.dumps(list(dataset.shape)),
        "classes": str(dataset.classes),
        "accuracy_test": str(accuracy),
        "neurons": str(geometry.neurons),
        "weights": str(count.weights),
        "weights_left": str(count.weights_left),
        "sparsity_params": str(count.sparsity_params),
        "synapses": str(count.synapses),
        "synapses_left": str(count.synapses_left),
        "sparsity_synapses": str(count.sparsity_synapses),
    }  # fmt: skip


def _state(path: Path) -> dict[str, Any]:
    """What is in the file, if it is a whole one; tensors and plain data only."""
    state: Any = None
    try:
        with path.open("rb") as file, suppress(zipfile.BadZipFile):
            # Checksums first: torch does not look at all of them, and what it does with damage is anything.
            if zipfile.ZipFile(file).testzip() is None:
                state = train.load(path)
    except pickle.UnpicklingError:
        raise ConfigError(
            [f"{path}: holds more than tensors and plain data, so reading it could run code; refused"]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (RuntimeError, ValueError, zlib.error):  # damage in the directory; a zip file of another program
        state = None
    if not (isinstance(state, dict) and all(isinstance(state.get(k), dict) for k in ("config", "model"))):
        raise ConfigError([f"{path}: damaged, or not a checkpoint; {MEANT}"])
    return state


def _version() -> str:
    try:
        return version("spinetune")
    except PackageNotFoundError:  # run from its sources
        return "unknown"
