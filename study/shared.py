"""How one launch uses the shared storage: claim, a lost head's study, every node, the copy."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from study import storage
from study.claim import Claim, TakenError
from study.mirror import Mirror, fetch, newer
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


def further(folder: Path, place: str) -> bytes | None:
    """study.json of the storage, where a study goes on from there rather than from ``folder``; else None.

    A glance at what others may be writing: ``Shared.bring`` decides. ConfigError: no answer, and ``folder``
    holds no study.
    """
    try:
        there = held_there(place) if place else None
        return there if there is not None and newer(folder, place) else None
    except (ConfigError, OSError):
        if (folder / "study.json").is_file():
            return None
        raise


def unused(spec: StudySpec) -> None:
    """ConfigError where the storage holds a study of the name."""
    if spec.place and held_there(spec.place) is not None:
        raise ConfigError(
            [
                f"storage: {spec.place} holds a study already; nearest valid: go on with it (--resume "
                f"{spec.name}), or choose a name with --name"
            ]
        )


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
    """The storage of one launch. ``tune``: a folder for Tune's own files.

    They lie in the study folder, but not where that comes over a network: an outage would end the study.
    ``stack`` is left when the copy is finished, and the storage is let go.
    """

    def __init__(self, spec: StudySpec, stack: ExitStack, tell: Tell) -> None:
        self.spec, self.stack, self.tell = spec, stack, tell
        self.remote = networked(spec.folder)
        self.claim: Claim | None = None
        self.mirror: Mirror | None = None
        self.tune = spec.folder

    def hold(self) -> None:
        """From here on nobody else writes there. ConfigError: another driver does, or it cannot be used."""
        if not self.spec.place:
            return
        try:
            self.claim = self.stack.enter_context(Claim(self.spec.place))
        except OSError as error:
            raise ConfigError([_unreachable(self.spec.place, error)]) from None

    def bring(self) -> None:
        """Before a study goes on: its folder becomes what the storage has, if that is newer or all there is.

        Both are held by then: what another driver still files would be missing here, and be written over.
        """
        place = self.spec.place
        if not place or held_there(place) is None:
            return
        try:
            if newer(self.spec.folder, place):
                fetch(self.spec.folder, place)
                self.tell(f"{self.spec.name} goes on from {place}")
        except OSError as error:
            raise ConfigError([_unreachable(place, error)]) from None

    def checkpoints(self) -> str | None:
        """Where the states of trials lie; None: in the study folder."""
        if self.claim is None:
            return None
        self.claim.folder("models")
        return self.claim.folder("checkpoints")

    def attach(self, store: Store) -> None:
        """Let the store's writes wait for a mount that is gone, and be copied."""
        if self.remote:
            elsewhere = tempfile.TemporaryDirectory(prefix="tune-", ignore_cleanup_errors=True)
            self.tune = Path(self.stack.enter_context(elsewhere))
        store.patiently = self._patiently
        if self.claim:
            self.mirror = self.stack.enter_context(Mirror(self.spec.folder, self.claim, self.tell))
            store.changed = self.mirror.changed
            store.remove = self.mirror.discard

    def _patiently(self, write: Callable[[], None]) -> None:
        if self.claim and self.claim.taken:
            raise TakenError(self.claim.taken)
        if self.remote:
            storage.watched(lambda: storage.patiently(write, tell=self.tell), self.tell)
        else:
            storage.patiently(write, tell=self.tell)

    def finish(self, *, complete: bool) -> str | None:
        """Bring the copy up to date; None, or what is missing there."""
        if self.mirror is None or self.mirror.finish(storage.PATIENCE_S if complete else SHORT_S):
            return None
        why = self.mirror.claim.taken or self.mirror.problem
        return f"the copy in {self.spec.place} is behind ({why})"


def _unreachable(place: str, error: OSError) -> str:
    return (
        f"storage: {place} cannot be used ({storage.why(error)}); nearest valid: a folder that exists, or "
        "s3://BUCKET/FOLDER or gs://BUCKET/FOLDER with the provider's credentials"
    )
