"""How one launch uses the shared storage: fetches a lost head's study, checks the nodes, keeps the copy."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from study import storage
from study.mirror import Mirror, TakenError, fetch, newer
from study.mounts import networked
from study.resources import Node
from study.spec import StudySpec
from study.store import Store
from trainables.errors import ConfigError

SHORT_S = (
    60.0  # how long an interrupted study waits for storage that is gone, before it leaves the copy behind
)
Tell = Callable[[str], None]


def held_there(place: str) -> bytes | None:
    """study.json at a study's place in the storage; None where there is none. ConfigError: no answer."""
    try:
        return storage.read(storage.join(place, "study.json"))
    except FileNotFoundError:
        return None
    except OSError as error:
        if not storage.is_url(place) and not Path(place).exists() and Path(place).parent.is_dir():
            return None
        raise ConfigError([_unreachable(place, error)]) from None


def bring(spec: StudySpec, tell: Tell) -> None:
    """Before a study goes on: its folder becomes what the storage has, if that is newer or all there is."""
    if not spec.place or held_there(spec.place) is None:
        return
    try:
        if newer(spec.folder, spec.place):
            fetch(spec.folder, spec.place)
            tell(f"{spec.name} goes on from {spec.place}")
    except OSError as error:
        raise ConfigError([_unreachable(spec.place, error)]) from None


def seen_by_all(spec: StudySpec, nodes: Sequence[Node]) -> None:
    """ConfigError unless every node sees the storage, or the study folder where there is none.

    Where there is one node alone, only a storage that was named is tried. Folders that are made for this
    are taken away again by an error.
    """
    from study.nodes.storage import check  # imports Ray

    place = spec.place or str(spec.folder)
    if len(nodes) == 1 and not spec.place:
        return
    made: list[Path] = []
    try:
        if not storage.is_url(place):
            made = [path for path in (Path(place), *Path(place).parents) if not path.exists()]
            storage.make_folder(place)
        check(place, nodes)
    except (ConfigError, OSError) as error:
        with contextlib.suppress(OSError):  # not empty: somebody else's by now
            for path in made:
                path.rmdir()
        if isinstance(error, ConfigError):
            raise
        raise ConfigError([_unreachable(place, error)]) from None


class Shared:
    """The storage of a running study. ``tune``: a folder for Tune's own files.

    They lie in the study folder, but not where that comes over a network: an outage would end the study.
    """

    def __init__(self, spec: StudySpec, stack: ExitStack, tell: Tell) -> None:
        self.spec, self.tell = spec, tell
        self.remote = networked(spec.folder)
        self.mirror: Mirror | None = None
        self.tune = spec.folder
        if self.remote:
            self.tune = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="tune-", ignore_cleanup_errors=True))
            )

    def checkpoints(self) -> str | None:
        """Where the states of trials lie; None: in the study folder."""
        if not self.spec.place:
            return None
        location = storage.join(self.spec.place, "checkpoints")
        storage.make_folder(location)
        storage.make_folder(storage.join(self.spec.place, "models"))
        return location

    def attach(self, store: Store, stack: ExitStack) -> None:
        """Let the store's writes wait for a mount that is gone, and be copied."""
        store.patiently = self._patiently
        if self.spec.place:
            self.mirror = stack.enter_context(Mirror(self.spec.folder, self.spec.place, self.tell))
            store.changed = self.mirror.changed
            store.remove = self.mirror.discard

    def _patiently(self, write: Callable[[], None]) -> None:
        if self.mirror and self.mirror.taken:
            raise TakenError(self.mirror.taken)
        if self.remote:
            storage.watched(lambda: storage.patiently(write, tell=self.tell), self.tell)
        else:
            storage.patiently(write, tell=self.tell)

    def finish(self, *, complete: bool) -> str | None:
        """Bring the copy up to date; None, or what is missing there."""
        if self.mirror is None or self.mirror.finish(storage.PATIENCE_S if complete else SHORT_S):
            return None
        return f"the copy in {self.spec.place} is behind ({self.mirror.taken or self.mirror.problem})"


def _unreachable(place: str, error: OSError) -> str:
    return (
        f"storage: {place} cannot be used ({storage.why(error)}); nearest valid: a folder that exists, or "
        "s3://BUCKET/FOLDER or gs://BUCKET/FOLDER with the provider's credentials"
    )
