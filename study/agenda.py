"""What runs next: trials that a crash interrupted, reference arms, searched trials, confirmation runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import TIMEOUT_MAX  # seconds; infinity overflows
from typing import Any, Self

from study import confirm, space
from study.samplers.ahead import Ahead
from study.search import Search
from study.spec import StudySpec
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Suggestion:
    """One trial to run. ``params`` is what differs from the spec's base config."""

    number: int  # the order of asking, over all kinds
    kind: str  # reference | search | confirm
    name: str | None  # the arm's, for a reference and its confirmation
    params: dict[str, Any]
    config: TrainConfig
    replicate_of: int | None = None  # the trial whose configuration a confirmation run repeats
    suggested: dict[str, Any] | None = None  # the parameters as Optuna knows them; None: not in Optuna

    def line(self) -> dict[str, Any]:
        """What asked.jsonl holds: enough to go on with the trial without any other file."""
        return {
            "number": self.number,
            "kind": self.kind,
            "name": self.name,
            "params": self.params,
            "suggested": self.suggested,
            "replicate_of": self.replicate_of,
            "config": self.config.model_dump(mode="json"),
        }

    @classmethod
    def read(cls, line: Line) -> Self:
        """The suggestion that a line of asked.jsonl stands for."""
        names = ("number", "kind", "name", "params", "replicate_of", "suggested")
        return cls(**{name: line[name] for name in names}, config=build(TrainConfig, line["config"]))


class Agenda:
    """Hands out suggestions, each once. ``asked`` and ``ended`` are the lines of an interrupted study.

    Reference arms come first, confirmation runs when every searched trial has ended: their choice needs the
    whole front.
    """

    def __init__(self, spec: StudySpec, search: Search, asked: Iterable[Line], ended: Iterable[Line]) -> None:
        self.spec, self.search = spec, search
        self.asked = [Suggestion.read(line) for line in asked]
        self.ended = list(ended)
        over = {line["number"] for line in self.ended}
        self.unfinished = [suggestion for suggestion in self.asked if suggestion.number not in over]
        self._again = deque(self.unfinished)
        self._open = {suggestion.number: suggestion.kind for suggestion in self.unfinished}
        self._confirmations: deque[confirm.Run] | None = None  # None: not chosen yet
        self._ahead: Ahead[tuple[dict[str, Any], dict[str, Any]]] = Ahead()
        self._searches = sum(suggestion.kind == "search" for suggestion in self.asked)
        self._arms = {suggestion.name for suggestion in self.asked if suggestion.kind == "reference"}
        unknown = sorted(over - {suggestion.number for suggestion in self.asked})
        if unknown:
            some = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
            lost = "the study is of an earlier version, or the file was changed; it can only be read"
            raise ConfigError([f"asked.jsonl lacks trials that trials.jsonl has ({some}): {lost}"])

    def next(self) -> Suggestion | None:
        """The next trial; None when there is none now: see ``spent``."""
        while self._again:
            suggestion = self._again.popleft()
            if suggestion.number in self._open:  # else it had ended, only its line was missing
                return suggestion
        new = self._reference() or self._searched() or self._confirmation()
        if new is not None:
            self.asked.append(new)
            self._open[new.number] = new.kind
            self._searches += new.kind == "search"
            if new.kind == "reference":
                self._arms.add(new.name)
        return new

    def end(self, line: Line) -> None:
        """A trial's line of trials.jsonl has been written."""
        self._open.pop(line["number"])
        self.ended.append(line)
        if line["kind"] != "confirm":
            ended = (line["state"], line["values"], line["violations"], line["train_wall_s"])
            self.search.tell(line["number"], *ended)

    @property
    def confirmed(self) -> list[int]:
        """The trials whose configurations run again, as far as that is decided."""
        asked = {s.replicate_of for s in self.asked if s.replicate_of is not None}
        return sorted(asked | {run.replicate_of for run in self._confirmations or ()})

    @property
    def spent(self) -> bool:
        """Whether nothing waits, nothing runs, and the whole budget has been handed out."""
        if self._again or self._open or self._missing_arms() or self._searches_left():
            return False
        return not self._chosen()

    def planned(self) -> dict[str, int]:
        """Trials in the budget, by kind; of the confirmation runs at most so many."""
        arms = len(self.search.references)
        of_confirm = [suggestion for suggestion in self.asked if suggestion.kind == "confirm"]
        if self._confirmations is None:
            most = min(self.spec.search.confirm_at_most, self.spec.search.trials) + arms
            runs = max(self.spec.search.confirm * most, len(of_confirm))
        else:
            runs = len(of_confirm) + len(self._confirmations)
        return {"search": self.spec.search.trials, "reference": arms, "confirm": runs}

    def close(self) -> None:
        """Wait for a suggestion that is under way, and release the search."""
        self._ahead.close()
        self.search.close()

    def _number(self) -> int:
        return self.asked[-1].number + 1 if self.asked else 0

    def _missing_arms(self) -> list[str]:
        return [name for name in self.search.references if name not in self._arms]

    def _reference(self) -> Suggestion | None:
        missing = self._missing_arms()
        if not missing:
            return None
        params, suggested = self.search.enter(self._number(), missing[0])
        return self._suggestion("reference", params, name=missing[0], suggested=suggested)

    def _searches_left(self) -> int:
        return max(0, self.spec.search.trials - self._searches)

    def _searched(self) -> Suggestion | None:
        if not self._searches_left():
            return None
        number = self._number()
        if self.search.slow and not self._ahead.busy:
            self._ahead.start(lambda: self.search.suggest(number))
        if self._ahead.busy:  # with nothing running nobody waits for this thread
            found = self._ahead.poll(0.0 if self._open else TIMEOUT_MAX)
        else:
            found = self.search.suggest(number)
        if found is None:
            return None
        params, suggested = found
        return self._suggestion("search", params, suggested=suggested)

    def _chosen(self) -> deque[confirm.Run]:
        if self._confirmations is None:
            run = {(s.replicate_of, s.config.seed) for s in self.asked if s.kind == "confirm"}
            plan = confirm.plan(self.spec, self.ended)
            self._confirmations = deque(r for r in plan if (r.replicate_of, r.config.seed) not in run)
        return self._confirmations

    def _confirmation(self) -> Suggestion | None:
        if self._searches_left() or any(kind != "confirm" for kind in self._open.values()):
            return None  # a slow suggestion may be under way while confirmation runs of before go on
        if not self._chosen():
            return None
        run = self._chosen().popleft()
        return self._suggestion("confirm", run.params, name=run.name, run=run)

    def _suggestion(
        self,
        kind: str,
        params: dict[str, Any],
        name: str | None = None,
        suggested: dict[str, Any] | None = None,
        run: confirm.Run | None = None,
    ) -> Suggestion:
        config = run.config if run else space.configure(self.spec.train, params)
        of = run.replicate_of if run else None
        return Suggestion(self._number(), kind, name, params, config, of, suggested)
