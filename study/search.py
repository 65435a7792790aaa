"""One Optuna study, asked and told; reference arms are entered into it. Knows no Ray and no files but one.

The database is derived: what was asked and how it ended stands in the study folder's .jsonl files. It is
brought in line with them when it is opened, and made anew from them where it is damaged or gone.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState

from study import quasirandom, samplers, space
from study.objectives import Objectives
from study.spec import StudySpec
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError, said

Line = Mapping[str, Any]
REDRAWS = 8  # of a suggestion that was run before, until it is taken nonetheless with another seed
SEED_AGAIN = 101  # the 100 seeds that follow the training's own are the confirmation's: fresh there
BUSY_S = 60.0  # how long another program may hold the database, a dashboard for one


class Search:
    """Suggests parameters, is told how trials ended. Trial numbers are the caller's.

    OSError where the database cannot be used any more: a full disk, another program that holds it.
    ``choice``: what ``auto`` was resolved to before, if it was.
    """

    def __init__(
        self,
        spec: StudySpec,
        path: Path | None,
        asked: Iterable[Line] = (),
        ended: Iterable[Line] = (),
        choice: Mapping[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self.references = space.references(spec.space, spec.train, spec.search.reference_threshold)
        budget = spec.search
        self.objectives = Objectives(budget.objectives, budget.constraints, budget.accuracy_floor)
        self.notice: str | None = None  # what had to be mended
        self.choice = dict(choice) if choice else None  # of the sampler: name and one sentence on why
        self._trials: dict[int, optuna.Trial] = {}  # running ones
        self._train_s: list[float] = []  # training times of ended searched trials
        self._searched = 0
        self._seen: dict[str, int] = {}  # key of a configuration -> its trial
        self._on_disk = path is not None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        entered = [line for line in asked if line["kind"] != "confirm"]
        over = {line["number"]: line for line in ended}
        for line in entered:
            self._note(line["number"], line["kind"], build(TrainConfig, line["config"]))
        self._train_s += [
            over[line["number"]]["train_wall_s"]
            for line in entered
            if line["kind"] == "search" and line["number"] in over
        ]
        self._open(path, entered, over)

    def enter(self, number: int, name: str) -> tuple[space.Params, dict[str, Any]]:
        """A reference arm: its parameters, and those of them that Optuna knows."""
        params = self.references[name]
        raw = space.raw(self.spec.space, params, self.spec.train) or {}  # {}: no point of the space
        self._note(number, "reference", space.configure(self.spec.train, params))
        with _as_file():
            return params, self._enqueue(number, "reference", raw, name=name)

    def suggest(self, number: int) -> tuple[space.Params, dict[str, Any]]:
        """Parameters of a new trial, and as Optuna knows them.

        The draw follows from the seed of the search, the trial's place in it and the trials that have ended:
        a study that was killed and resumed draws what the undisturbed one would have drawn.
        """
        with _as_file():
            return self._suggest(number)

    def _suggest(self, number: int) -> tuple[space.Params, dict[str, Any]]:
        for attempt in range(REDRAWS + 1):
            self.study.sampler = self._sampler(self._searched, attempt)
            self.study.enqueue_trial({}, user_attrs={"kind": "search", "number": number})
            trial = self.study.ask()
            params = space.suggest(trial, self.spec.space, self.spec.train)
            config = space.configure(self.spec.train, params)
            earlier = self._seen.get(samplers.key(config))
            if earlier is None:
                break
            if attempt < REDRAWS:
                trial.set_user_attr("duplicate_of", earlier)
                self.study.tell(trial, state=TrialState.FAIL)
        else:  # a small space is exhausted: what is run again says more with a seed of its own
            params = params | {"seed": (self.spec.train.seed + SEED_AGAIN + self._searched) % 2**31}
        self._trials[number] = trial
        self._note(number, "search", config)
        return params, trial.params

    def tell(
        self,
        number: int,
        state: str,
        values: Mapping[str, float] | None,
        violations: Mapping[str, float] | None,
        train_s: float,
    ) -> None:
        """How a trial ended: COMPLETE with its objective values, PRUNED (stopped on purpose) or FAIL.

        Stopped trials have no values here: those of an unfinished training would mislead any sampler.
        """
        trial = self._trials.pop(number)
        if trial.user_attrs["kind"] == "search":
            self._train_s.append(train_s)
        with _as_file():
            self._tell(trial, state, values, violations)

    @property
    def slow(self) -> bool:
        """Whether a suggestion takes so long that running trials would wait for it."""
        # A database in memory is another one in every thread.
        return self._on_disk and self.choice is not None and self.choice["name"] == "gp"

    def close(self) -> None:
        """Release the database."""
        self.storage.remove_session()
        self.storage.engine.dispose()

    # ---

    def _note(self, number: int, kind: str, config: TrainConfig) -> None:
        self._searched += kind == "search"
        self._seen.setdefault(samplers.key(config), number)

    @cached_property
    def _numeric(self) -> bool:
        return space.numeric(self.spec.space, self.spec.train)

    def _trial_s(self) -> float | None:
        return statistics.median(self._train_s) if self._train_s else None

    def _sampler(self, count: int, attempt: int) -> optuna.samplers.BaseSampler:
        budget = self.spec.search
        if count < budget.startup:
            name = "random" if budget.sampler == "random" else "sobol"
        else:
            if self.choice is None:
                facts = (budget, self._numeric, self._trial_s())
                self.choice = {"name": samplers.resolve(*facts), "why": samplers.why(*facts)}
            name = self.choice["name"]
        if attempt:  # of other draws, seeded as nothing else is
            seed = quasirandom.derived(budget.search_seed, count, f"attempt {attempt}") % 2**31
            budget = budget.model_copy(update={"search_seed": seed})
        return samplers.sampler(budget, count, budget.startup, name)

    def _enqueue(self, number: int, kind: str, raw: space.Params, **attrs: Any) -> dict[str, Any]:
        """A trial with these parameters, running, so that the sampler learns from it."""
        self.study.enqueue_trial(raw, user_attrs={"kind": kind, "number": number, **attrs})
        self.study.sampler = optuna.samplers.RandomSampler(seed=0)  # nothing is left to draw
        trial = self.study.ask()
        if raw:
            space.suggest(trial, self.spec.space, self.spec.train)
        self._trials[number] = trial
        return trial.params

    def _tell(
        self,
        trial: optuna.Trial,
        state: str,
        values: Mapping[str, float] | None,
        violations: Mapping[str, float] | None,
    ) -> None:
        if values is None:
            self.study.tell(trial, state=TrialState[state])
            return
        for name, violation in (violations or {}).items():
            trial.set_constraint(name, violation)
        self.study.tell(trial, [values[name] for name in self.objectives.names])

    def _open(self, path: Path | None, asked: list[Line], ended: Mapping[int, Line]) -> None:
        """Connect, and bring the database in line with what was asked and how it ended."""
        if path is None or path.exists():
            damage = _damage(path) if path else None
        else:
            damage = "it was gone" if asked else None
        if damage is None:
            try:
                self._connect(path)
                if self._reconcile(asked, ended):
                    return
                damage = "it contradicts the log"
            except Exception as error:  # no tables, tables of another version, a row that Optuna cannot read
                damage = said(error)
            if hasattr(self, "storage"):
                self.close()
            self._trials.clear()
        self.notice = f"optuna.db was made anew from the log: {damage}"
        if path is not None and path.exists():
            kept = path.with_name(f"{path.stem}-damaged{path.suffix}")
            path.replace(kept)
            self.notice += f"; the old one is kept as {kept.name}"
        self._connect(path)
        for line in asked:
            attrs = {} if line["name"] is None else {"name": line["name"]}
            self._enqueue(line["number"], line["kind"], line["suggested"], **attrs)
            end = ended.get(line["number"])
            if end is not None:
                trial = self._trials.pop(line["number"])
                self._tell(trial, end["state"], end["values"], end.get("violations"))

    def _connect(self, path: Path | None) -> None:
        self.storage = optuna.storages.RDBStorage(
            f"sqlite:///{path or ':memory:'}", engine_kwargs={"connect_args": {"timeout": BUSY_S}}
        )
        with self.storage.engine.connect() as connection:  # the one that the pool keeps: nothing is lost
            connection.exec_driver_sql("PRAGMA synchronous=OFF")  # with the file, it can be made anew
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=f"{self.spec.name}-{space.space_hash(self.spec.space)}",
            directions=list(self.objectives.directions),
            load_if_exists=True,
        )

    def _reconcile(self, asked: list[Line], ended: Mapping[int, Line]) -> bool:
        """Settle what a crash left open; False where the database lacks or contradicts something."""
        held: dict[int, optuna.trial.FrozenTrial] = {}
        wanted = {line["number"] for line in asked}
        for frozen in self.study.get_trials(deepcopy=False):
            number = frozen.user_attrs.get("number")
            drawn_again = "duplicate_of" in frozen.user_attrs
            if number is not None and number in wanted and not drawn_again:
                held[number] = frozen
            elif frozen.state in (TrialState.RUNNING, TrialState.WAITING):
                # asked for, never noted down
                self.storage.set_trial_state_values(frozen._trial_id, TrialState.FAIL)
        for line in asked:
            found, end = held.get(line["number"]), ended.get(line["number"])
            if found is None or found.params != line["suggested"]:
                return False
            if found.state is not TrialState.RUNNING:
                if end is None or found.state.name != end["state"]:
                    return False
                if end["values"] and found.values != [end["values"][name] for name in self.objectives.names]:
                    return False
                continue
            trial = optuna.Trial(self.study, found._trial_id)
            if end is None:
                self._trials[line["number"]] = trial
            else:
                self._tell(trial, end["state"], end["values"], end.get("violations"))
        return True


def _damage(path: Path) -> str | None:
    """What is wrong with a database file; ConfigError where it may be whole but cannot be used."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")  # what every write begins with
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:  # locked, read-only, no space
            what = f"{path} cannot be used: {error}"
            raise ConfigError([f"{what}; close what else has it open or make room, and try again"]) from None
        except sqlite3.DatabaseError as error:
            return str(error)
    return None if found == "ok" else str(found)


@contextlib.contextmanager
def _as_file() -> Iterator[None]:
    """Errors of the database as those of a file: they end a study as a full disk does, and can be mended."""
    try:
        yield
    except StorageInternalError as error:
        cause = getattr(error.__cause__, "orig", None) or error
        raise OSError(errno.EIO, f"optuna.db: {cause}") from error
