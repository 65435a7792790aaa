"""``python -m study.again FLAGS``: ``study.launch`` for a study that may have been begun before.

For a scheduler that starts a job again with the flags of the first time: a study that exists goes on, and
one that is complete is left as it is.
"""

from __future__ import annotations

import json
import sys

from study import cluster, identity, launch, spec
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
        study = json.loads((wanted.folder / "study.json").read_text())
        stored = build(StudySpec, study["spec"])
        over = study["state"] == "complete"
    except (ConfigError, OSError, ValueError, KeyError, TypeError):
        return argv
    if over and not identity.differences(stored, wanted) and not _grown(stored, wanted):
        return None
    return ["--resume", wanted.name, *argv]


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
