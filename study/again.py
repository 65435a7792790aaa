"""``python -m study.again FLAGS``: ``study.launch`` for a study that may have been begun before.

For a scheduler that starts a job again with the flags of the first time: a study that exists goes on, and
one that is complete is left as it is. With ``--storage`` it exists where the storage has it, on whatever
machine the job starts, and is complete when it is so there.
"""

from __future__ import annotations

import json
import sys

from study import cluster, identity, launch, shared, spec
from study.spec import StudySpec
from trainables import flags
from trainables.config import build
from trainables.errors import ConfigError


def arguments(argv: list[str]) -> list[str] | None:
    """The flags for ``study.launch``; None where the study is complete and nothing more is asked of it.

    What is wrong with the flags or the folder is for ``study.launch`` to tell: they are returned unchanged.
    """
    try:
        given, values, problems = flags.parse(launch.parser(), argv)
        if problems or given.resume is not None or given.dry_run:
            return argv
        wanted = build(StudySpec, spec.layered(given.preset, given.spec, values))
        there = shared.further(wanted.folder, wanted.place)
        text = (wanted.folder / "study.json").read_bytes() if there is None else there
        study = json.loads(text)
        stored = build(StudySpec, study["spec"])
        over = study["state"] == "complete"
    except (ConfigError, OSError, ValueError, KeyError, TypeError, RuntimeError):  # the last: no such home
        return argv
    same = not identity.differences(stored, wanted) and not _grown(stored, wanted)
    if over and same and _arrived(wanted.place, text):
        return None
    return ["--resume", wanted.name, *argv]


def _arrived(place: str, text: bytes) -> bool:
    """Whether the storage, where there is one, has this study.json, which is carried after the rest."""
    try:
        return not place or shared.held_there(place) == text
    except ConfigError:  # no answer: for --resume to tell
        return False


def _grown(stored: StudySpec, wanted: StudySpec) -> bool:
    """Whether the budget is another one than that of the study; a smaller one is refused by ``--resume``."""
    names = [key.removeprefix("search.") for key in identity.BUDGET]
    return any(getattr(wanted.search, name) != getattr(stored.search, name) for name in names)


def main(argv: list[str]) -> int:
    """The exit status of ``study.launch``; 0 for a study that is complete already."""
    found = arguments(argv)
    if found is None:
        print("the study is complete; for another one choose another --name, for more of it raise --trials")
        return 0
    return launch.main(found)


if __name__ == "__main__":
    cluster.terminate_like_interrupt()
    sys.exit(main(sys.argv[1:]))
