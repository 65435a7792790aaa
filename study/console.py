"""The progress display of a running study. Reads the recorder; decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study import confirm
from study.outcome import Line, Outcome, feasible
from study.spec import StudySpec
from study.words import plain

TARGET_SPARSITY = 0.9  # the display's headline: best accuracy at this sparsity or above


def say(console: Console, text: str | Text, style: str | None = None) -> None:
    """Print a text as it is, whatever the width.

    Errors and paths are other people's: to rich ``[x]`` is markup and ``:x:`` a picture, and a terminal obeys
    more than that.
    """
    if isinstance(text, str):
        text = Text(plain(text))
    console.print(text, style=style, highlight=False, soft_wrap=True)


class Books(Protocol):
    """A running study as the display reads it: the recorder, or what is watched from elsewhere."""

    on_change: Callable[[], None]

    @property
    def ended(self) -> Sequence[Line]: ...
    @property
    def running(self) -> Mapping[int, Any]: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def agenda(self) -> Any: ...


class Display:
    """Live lines on a terminal; elsewhere (a log file) one line per ended trial."""

    def __init__(self, recorder: Books, slots: int, console: Console) -> None:
        self.recorder, self.slots, self.console = recorder, slots, console
        self.started_at = time.monotonic()
        self.planned = sum(recorder.agenda.planned().values())
        self._printed = len(recorder.ended)
        # Renderables are drawn by a thread of rich's; the front is changed by the main thread.
        self._hypervolume = recorder.outcome.hypervolume
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
        self._hypervolume = self.recorder.outcome.hypervolume
        self.planned = sum(self.recorder.agenda.planned().values())
        if not self.console.is_terminal:
            for count, line in enumerate(ended[self._printed :], self._printed + 1):
                say(self.console, f"{count:>4}/{self.planned}  {describe(line)}")
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
            Text(self.recorder.agenda.spec.name, style="bold"),
            ProgressBar(total=self.planned, completed=len(ended), width=30),
            Text(f"{len(ended)}/{self.planned} trials"),
            Text(", ".join(f"{count} {name}" for name, count in self.counts().items()), style="dim"),
        )
        facts = Table.grid(padding=(0, 2))
        facts.add_row(
            headline(ended, self.recorder.agenda.spec),
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


def best_at(ended: Iterable[Line], sparsity: float) -> Line | None:
    """The most accurate searched trial that is at least this sparse and keeps the constraints."""
    fit = [
        line
        for line in ended
        if line["kind"] == "search" and feasible(line) and line["metrics"]["sparsity_params"] >= sparsity
    ]
    order = ("accuracy_val", "sparsity_params")
    return max(fit, key=lambda line: [line["metrics"][name] for name in order], default=None)


def headline(ended: Sequence[Line], spec: StudySpec) -> Text:
    """Best accuracy at the target sparsity, in one line; of the confirmed means where there are any."""
    means = []
    for runs in confirm.whole(spec, ended):
        values = [[run["metrics"][name] for name in ("accuracy_val", "sparsity_params")] for run in runs]
        accuracy, sparsity = (sum(column) / len(runs) for column in zip(*values, strict=True))
        if sparsity >= TARGET_SPARSITY and confirm.kept(runs):
            how = f", mean of {len(runs)} fresh seeds"
            means.append((accuracy, sparsity, runs[0]["config"]["scheduler"], how))
    best = best_at(ended, TARGET_SPARSITY)
    if not means and best is not None:
        metrics = best["metrics"]
        means = [(metrics["accuracy_val"], metrics["sparsity_params"], best["config"]["scheduler"], "")]
    if not means:
        return Text(f"nothing at {TARGET_SPARSITY:.0%} sparsity yet")
    accuracy, sparsity, shape, how = max(means)
    return Text.assemble(
        f"best at >= {TARGET_SPARSITY:.0%} sparsity: ",
        (f"{accuracy:.2%}", "bold green"),
        f" ({sparsity:.1%} sparse, {shape}{how})",
    )


def describe(line: Line) -> str:
    """One ended trial in one line."""
    config = line["config"]
    shape = (
        "dense"
        if config["pruner"] == "dense"
        else f"{config['scheduler']} D/sum(lr) {line['threshold_ratio']:.3f}"
    )
    if line["values"]:
        result = (
            f"{line['metrics']['accuracy_val']:.2%} accurate, {line['metrics']['sparsity_params']:.2%} sparse"
        )
    else:
        result = f"{line['state']}: {line['error']}"
    again = f" (#{line['replicate_of']} again)" if line["replicate_of"] is not None else ""
    return f"#{line['number']} {shape}{again}: {result} ({line['train_wall_s']:.1f} s)"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
