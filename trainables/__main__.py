"""One training without Ray: ``python -m trainables --scheduler sine --final-threshold 0.2``.

``python -m trainables export CHECKPOINT`` takes the trained network away.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from trainables import checkpoint, flags
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError
from trainables.metrics import METRICS, finite
from trainables.pruners import PRUNERS
from trainables.train import Row, Training

# metric -> heading; nine columns of the usual 80
COLUMNS = {
    "epoch": "epoch",
    "loss_train": "loss",
    "accuracy_train": "train",
    "accuracy_val": "val",
    "sparsity_params": "sparsity",
    "threshold": "d",
    "firing_rate": "rate",
    "wall_s": "seconds",
}


def main(argv: list[str]) -> int:
    """Train and print a row per epoch; 0 when it trained to the end, 1 when it diverged, 2 on bad input."""
    if argv[:1] == ["export"]:
        from trainables.export import export_main  # nir and safetensors: for those who export

        return export_main(argv[1:])
    parser = flags.parser(
        "python -m trainables", "Train one spiking network, pruned while it learns.", TrainConfig
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per epoch, for machines")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FOLDER",
        help="keep the run's state there; a run that finds its state there goes on from it",
    )
    try:
        given, values, problems = flags.parse(parser, argv)
        config = _validated(values, problems)
        run = Training(config)
        if given.checkpoint:
            _go_on(run, given.checkpoint)
    except ConfigError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130
    return _train(run, given.checkpoint, as_json=given.json)


def _go_on(run: Training, folder: Path) -> None:
    """Load the run's state from ``folder`` where there is one; ConfigError where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / checkpoint.STATE_FILE).exists():
            run.load_state_dict(checkpoint.load(folder / checkpoint.STATE_FILE))
            print(f"going on after epoch {run.epoch} of {run.config.epochs}", file=sys.stderr)
    except OSError as error:
        raise ConfigError([f"checkpoint {folder}: {error.strerror}; give a folder of yours"]) from None


def _validated(values: dict[str, object], problems: list[str]) -> TrainConfig:
    """The config, or one error with the problems of the flags and of their values."""
    try:
        config = build(TrainConfig, values)
    except ConfigError as error:
        raise ConfigError(problems + error.problems) from None
    if problems:
        raise ConfigError(problems)
    return config


def _train(run: Training, folder: Path | None, *, as_json: bool) -> int:
    console = Console(highlight=False, soft_wrap=True)
    if not as_json:
        config = run.config
        console.print(f"[bold]{config.network}[/] on {config.dataset}, {_method(run)}, seed {config.seed}")
        console.print("[dim]" + "".join(f"{heading:>9}" for heading in COLUMNS.values()) + "[/]")
    row: Row = {}
    saved_at, saved = time.monotonic(), run.epoch
    try:
        for row in run:
            if folder and (run.done or time.monotonic() - saved_at >= checkpoint.EVERY_S):
                _save(run, folder)
                saved_at, saved = time.monotonic(), run.epoch
            if as_json:
                print(json.dumps(finite(row)), flush=True)
            else:
                console.print("".join(f"{_cell(name, row[name]):>9}" for name in COLUMNS))
    except KeyboardInterrupt:
        kept = f"; {folder} holds it after epoch {saved}" if folder and saved else ""
        print(f"interrupted after epoch {run.epoch} of {run.config.epochs}{kept}", file=sys.stderr)
        return 130
    except ConfigError as error:  # a damaged file, a network that does not take these data
        return _refused(error)
    except BrokenPipeError:  # the reader has had enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor shall the interpreter complain
        return 141
    if run.reason:  # also of a run that had ended before
        print(f"stopped: {run.reason}", file=sys.stderr)
        return 1
    if row and not as_json:
        console.print(_costs(row))
    return 0


def _save(run: Training, folder: Path) -> None:
    """Write the run's state; ConfigError where that fails: the state saved before is still whole."""
    try:
        checkpoint.save(run.state_dict(), folder / checkpoint.STATE_FILE)
    except (OSError, RuntimeError) as error:  # torch meets a full disk with a RuntimeError
        why = (
            error.strerror if isinstance(error, OSError) else f"cannot be written, is the disk full? {error}"
        )
        raise ConfigError([f"checkpoint {folder}: {str(why).splitlines()[0]}"]) from None


def _refused(error: ConfigError) -> int:
    for problem in error.problems:
        print(f"error: {problem}", file=sys.stderr)
    return 2


def _method(run: Training) -> str:
    """The pruner with what it is told of its schedule and target."""
    config, told = run.config, set(PRUNERS[run.config.pruner].fields)
    parts = [config.pruner]
    if "scheduler" in told:
        parts.append(config.scheduler)
    if "final_threshold" in told:
        parts.append(f"D = {run.final_threshold:.4g}")
    if "final_sparsity" in told:
        parts.append(f"sparsity {config.final_sparsity:g}")
    return ", ".join(parts)


def _costs(row: Row) -> str:
    """What the finished network costs, in one line; live: without dead neurons."""
    live = row["synapses_live"]  # None where no path could be traced; then of the chips too
    chips = f"; fits on {', '.join(row['chips']) or 'no chip of the table'}" if live is not None else ""
    parts = [
        f"{row['synapses'] if live is None else live:,} synapses",
        f"{row['synops']:,.0f} synaptic operations",
        f"{row['energy_nj']:.4g} nJ a sample",
    ]
    return ", ".join(parts) + chips


def _cell(name: str, value: float | int | str | None) -> str:
    if METRICS[name].unit == "fraction":
        return f"{100 * float(value or 0):.2f} %"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
