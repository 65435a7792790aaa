"""Whether every node of a cluster sees the shared storage: written there, read everywhere, the same bytes."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study import storage
from study.nodes.probe import nodes
from study.resources import Node
from trainables.errors import ConfigError

ANSWER_S = 60.0  # a mount whose server is down blocks whoever touches it
LOOK_S = 15.0  # between two looks for nodes that have joined
OWN = "driver"


def check(place: str, on: Sequence[Node]) -> None:
    """ConfigError with a line for every node that does not see what the driver and the others write.

    ``place`` exists on the driver. Its probe files are removed again, and a place that keeps them would keep
    the states of ended trials: the last lines of a complete study would then be an error.
    """
    problems, kept = _unseen(place, on)
    if problems:
        raise ConfigError([*problems, _advice(place)])
    if kept:
        raise ConfigError(
            [
                f"storage: the driver cannot remove what is written to {place} ({kept}), as it does when a "
                "trial has ended; nearest valid: the right to delete there, or another place with --storage"
            ]
        )


def _advice(place: str) -> str:
    how = (
        "give every node the same credentials and a way there" if storage.is_url(place) else "mount it there"
    )
    return (
        f"storage: {place} holds the states of running trials, which may go on on another node; nearest "
        f"valid: {how}, or name what all nodes see with --storage (a folder, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER)"
    )


def _unseen(place: str, others: Sequence[Node]) -> tuple[list[str], str | None]:
    """A line for every node that does not see ``place``, and why the driver cannot remove what is there."""
    token = secrets.token_hex(4)
    probes = {name: secrets.token_bytes(64) for name in (OWN, *(node.id for node in others))}
    files = {name: storage.join(place, f"probe-{token}-{name[:12]}") for name in probes}
    problems: dict[str, str] = {}
    kept: str | None = None
    try:
        try:
            storage.write(files[OWN], probes[OWN])
            if storage.read(files[OWN]) != probes[OWN]:
                raise OSError(None, "other bytes come back")
        except OSError as error:
            why = f"the driver cannot use {place}: {storage.why(error)}"
            raise ConfigError([f"storage: {why}; mend that, or name another place with --storage"]) from None
        started = {node.id: _ask(_write, node, files, probes, node.id) for node in others}
        problems |= _answers(started)
        for node in others:  # what a node wrote, back on the driver
            if node.id not in problems and (wrong := _differs(files[node.id], probes[node.id])):
                problems[node.id] = f"what it writes is not seen here ({wrong}): a folder of its own"
        sound = {name: files[name] for name in files if name not in problems}
        started = {node.id: _ask(_read, node, sound, probes) for node in others if node.id not in problems}
        problems |= _answers(started)
    finally:
        for name, file in files.items():
            try:
                storage.remove(file)
            except OSError as error:
                kept = storage.why(error)
            if name in problems:  # on its own disk, perhaps
                node = next(node for node in others if node.id == name)
                with contextlib.suppress(Exception):
                    ray.get(_ask(_remove, node, file), timeout=ANSWER_S / 6)
    names = {node.id: node.name for node in others}
    return [
        f"storage: node {names[node]} does not see {place}: {why}" for node, why in problems.items()
    ], kept


def _ask(task: Any, node: Node, *arguments: Any) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node.id, soft=False)
    return task.options(num_cpus=0, max_retries=0, scheduling_strategy=pinned).remote(*arguments)


def _answers(started: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong, by node."""
    found = {}
    ray.wait(list(started.values()), num_returns=max(1, len(started)), timeout=ANSWER_S) if started else None
    for node, task in started.items():
        try:
            wrong = ray.get(task, timeout=1.0)
        except ray.exceptions.GetTimeoutError:
            wrong = f"no answer within {ANSWER_S:.0f} s"
            ray.cancel(task, force=True)
        except ray.exceptions.RayError as error:
            wrong = f"nothing can run there ({str(error).strip().splitlines()[-1]})"
        if wrong:
            found[node] = wrong
    return found


def _differs(file: str, expected: bytes) -> str | None:
    try:
        return None if storage.read(file) == expected else "other bytes"
    except OSError as error:
        return "it is not there" if isinstance(error, FileNotFoundError) else storage.why(error)


@ray.remote
def _write(files: Mapping[str, str], probes: Mapping[str, bytes], own: str) -> str | None:
    """On a node: read the driver's probe, write one's own."""
    if wrong := _differs(files[OWN], probes[OWN]):
        return f"the driver's file: {wrong}"
    try:
        storage.write(files[own], probes[own])
    except OSError as error:
        return f"it cannot be written there ({storage.why(error)})"
    return None


@ray.remote
def _read(files: Mapping[str, str], probes: Mapping[str, bytes]) -> str | None:
    """On a node: read what all others wrote."""
    wrong = {name: why for name, file in files.items() if (why := _differs(file, probes[name]))}
    return f"files of {len(wrong)} other nodes: {next(iter(wrong.values()))}" if wrong else None


@ray.remote
def _remove(file: str) -> None:
    storage.remove(file)


class Newcomers:
    """Looks, while it is entered, at nodes that join later, and says which do not see the storage.

    ``known``: the nodes that ``check`` was given. One that joined since is a newcomer too.
    """

    def __init__(self, place: str, known: Sequence[Node], tell: Callable[[str], None]) -> None:
        self.place, self.tell = place, tell
        self._known = {node.id for node in known}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Newcomers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            with contextlib.suppress(Exception):  # Ray's, of a cluster that is going down: the driver says so
                fresh = [node for node in nodes() if node.id not in self._known]
                for problem in _unseen(self.place, fresh)[0] if fresh else []:
                    self.tell(f"{problem}; its trials will not go on elsewhere")
                self._known |= {node.id for node in fresh}  # last: a check that fails is made again
