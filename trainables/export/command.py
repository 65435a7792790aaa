"""``python -m trainables export CHECKPOINT``: the baked network of a checkpoint, for other software."""

from __future__ import annotations

import json
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nir
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from trainables import assembly, checkpoint, cost, flags, imports
from trainables.config import TrainConfig, build, config_hash
from trainables.errors import ConfigError, require_known
from trainables.export.check import agreement
from trainables.export.exchange import to_nir
from trainables.export.weights import to_safetensors
from trainables.pruners import neuron_masks

FORMATS = ("safetensors", "nir")
MEANT = f"{checkpoint.STATE_FILE} of a training, its folder, or a study's models/trial-N.pt"
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
        return tuple(require_known("format", name, FORMATS) for name in names)


def export_main(argv: list[str]) -> int:
    """Write the files and say what is in them; 0, or 2 when one of them could not be written.

    Files that exist are an error without --force; a format that fails leaves the others written.
    """
    parser = flags.parser(
        "python -m trainables export", "Write a trained network, baked, for other software.", Options
    )
    parser.add_argument("checkpoint", type=Path, help=MEANT)
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


def _export(given: Path, options: Options) -> None:
    path = _file(given)
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
    if masked := int(metadata["neurons_masked"]):
        print(f"  neurons {int(metadata['neurons']):,}, masked {masked:,} (NODE.{neuron_masks.NAME}.gate)")
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
    found = agreement(model, file, _samples(config))
    print(
        f"  read back and run on {found.samples} validation samples: {100 * found.spikes:.8g} % of "
        f"{found.neurons:,} neurons' spikes equal, {100 * found.classes:.8g} % of the predicted classes"
    )


def _samples(config: TrainConfig) -> Tensor:
    """The first ones of the validation part."""
    val = assembly.dataset(config).val
    x, _ = val.batch(torch.arange(min(SAMPLES, len(val))), augment=False)
    return x


def _file(given: Path) -> Path:
    """The file that is meant; a folder stands for the state in it."""
    path = given / checkpoint.STATE_FILE if given.is_dir() else given
    if not path.is_file():
        near = sorted(str(file) for file in path.parent.glob("*.pt"))[:5]
        hint = f"nearest: {', '.join(near)}" if near else f"meant is {MEANT}"
        raise ConfigError([f"checkpoint: no file {path}; {hint}"])
    return path


def load(path: Path) -> tuple[TrainConfig, nn.Module, dict[str, str]]:
    """From a state of a training, or a baked network of a study: config, plain network, what it is.

    Reads the test part once more, for the accuracy that is written beside the weights. ConfigError where
    the file is no checkpoint; code in it is never run.
    """
    try:
        state = checkpoint.load(path)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    imports.data_only(path.parent)
    config = build(TrainConfig, state["config"])
    model, geometry = assembly.network(config)
    dataset = assembly.dataset(config)
    try:
        if any(".parametrizations." in name for name in state["model"]):
            model, accuracy, _ = assembly.baked_network(config, state)
        else:
            neuron_masks.install(model, state["model"])
            model.load_state_dict(state["model"])
            accuracy = assembly.test_accuracy(config, model, geometry)
    except (RuntimeError, AttributeError) as error:
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
        "neurons_masked": str(sum(int((gate == 0).sum()) for gate in neuron_masks.values(model).values())),
        "weights": str(count.weights),
        "weights_left": str(count.weights_left),
        "sparsity_params": str(count.sparsity_params),
        "synapses": str(count.synapses),
        "synapses_left": str(count.synapses_left),
        "sparsity_synapses": str(count.sparsity_synapses),
    }  # fmt: skip


def _version() -> str:
    try:
        return version("spinetune")
    except PackageNotFoundError:  # run from its sources
        return "unknown"
