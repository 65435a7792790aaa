"""The progress display of a running study. Reads the recorder; decides nothing."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.record import Recorder

TARGET_SPARSITY = 0.9  # the display's headline: best accuracy at this sparsity or above


class Display:
    """Live lines on a terminal; elsewhere (a log file) one line per ended trial."""

    def __init__(self, recorder: Recorder, slots: int, console: Console) -> None:
        self.recorder, self.slots, self.console = recorder, slots, console
        self.started_at = time.monotonic()
        self.planned = sum(recorder.search.planned().values())
        self._printed = len(recorder.ended)
        # Renderables are drawn by a thread of rich's; the front is read from the database by the main thread.
        self._hypervolume = recorder.search.hypervolume()
        self._live = Live(get_renderable=self.render, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        self.recorder.on_change = self._changed
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.on_change = lambda: None
        if self.console.is_terminal:
            self._live.stop()

    def _changed(self) -> None:
        ended = self.recorder.ended
        if len(ended) == self._printed:
            return
        self._hypervolume = self.recorder.search.hypervolume()
        if not self.console.is_terminal:
            for line in ended[self._printed :]:
                self.console.print(
                    f"{len(ended):>4}/{self.planned}  {describe(line)}", highlight=False, soft_wrap=True
                )
        self._printed = len(ended)

    def counts(self) -> dict[str, int]:
        """Trials by what became of them."""
        states = [line["state"] for line in self.recorder.ended]
        return {
            "done": states.count("COMPLETE"),
            "running": len(self.recorder.running),
            "stopped": states.count("PRUNED"),
            "failed": states.count("FAIL"),
        }

    def left_s(self) -> float | None:
        """Seconds to go, from the mean length of ended trials; None before the first has ended."""
        lengths = [line["ended_at"] - line["started_at"] for line in self.recorder.ended]
        if not lengths:
            return None
        progress = sum(trial.row.get("progress", 0.0) for trial in list(self.recorder.running.values()))
        to_do = self.planned - len(self.recorder.ended) - progress
        return float(max(to_do, 0.0) * sum(lengths) / len(lengths) / self.slots)

    def render(self) -> Group:
        """The whole display."""
        ended = self.recorder.ended
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self.recorder.search.spec.name, style="bold"),
            ProgressBar(total=self.planned, completed=len(ended), width=30),
            Text(f"{len(ended)}/{self.planned} trials"),
            Text(", ".join(f"{count} {name}" for name, count in self.counts().items()), style="dim"),
        )
        facts = Table.grid(padding=(0, 2))
        facts.add_row(
            headline(ended, self.recorder.search.spec.search.accuracy_floor),
            Text(f"hypervolume {self._hypervolume:.4f}"),
            Text(f"{_clock(time.monotonic() - self.started_at)} gone, {_clock(self.left_s())} left"),
        )
        trials = Table.grid(padding=(0, 2))
        for number, trial in sorted(self.recorder.running.items())[:16]:
            row, config = trial.row, trial.suggestion.config
            shape = "dense" if config.pruner == "dense" else config.scheduler
            numbers = (
                f"{row['accuracy_val']:.1%} accurate, {row['sparsity_params']:.1%} sparse"
                if row
                else "starting"
            )
            bar = ProgressBar(total=1.0, completed=row.get("progress", 0.0), width=20)
            trials.add_row(Text(f"#{number}", style="dim"), Text(shape), bar, Text(numbers, style="dim"))
        return Group(head, facts, trials)


def best_at(ended: list[dict[str, Any]], sparsity: float, floor: float) -> dict[str, Any] | None:
    """The most accurate searched trial that is at least this sparse and has not collapsed."""
    searched = [line for line in ended if line["values"] and line["kind"] == "search"]
    alive = [line for line in searched if line["values"]["accuracy_val"] >= floor]
    fit = [line for line in alive if line["values"]["sparsity_params"] >= sparsity]
    return max(
        fit,
        key=lambda line: (line["values"]["accuracy_val"], line["values"]["sparsity_params"]),
        default=None,
    )


def headline(ended: list[dict[str, Any]], floor: float) -> Text:
    """Best accuracy at the target sparsity, in one line."""
    best = best_at(ended, TARGET_SPARSITY, floor)
    if best is None:
        return Text(f"nothing at {TARGET_SPARSITY:.0%} sparsity yet")
    values = best["values"]
    return Text.assemble(
        f"best at >= {TARGET_SPARSITY:.0%} sparsity: ",
        (f"{values['accuracy_val']:.2%}", "bold green"),
        f" ({values['sparsity_params']:.1%} sparse, {best['config']['scheduler']})",
    )


def describe(line: dict[str, Any]) -> str:
    """One ended trial in one line."""
    config = line["config"]
    shape = (
        "dense"
        if config["pruner"] == "dense"
        else f"{config['scheduler']} D/sum(lr) {line['threshold_ratio']:.3f}"
    )
    if line["values"]:
        result = (
            f"{line['values']['accuracy_val']:.2%} accurate, {line['values']['sparsity_params']:.2%} sparse"
        )
    else:
        result = f"{line['state']}: {line['error']}"
    return f"#{line['number']} {shape}: {result} ({line['train_wall_s']:.1f} s)"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
