"""A study folder may come from elsewhere: what it holds is data, and going on with it stays inside it.

A copy of a study that had not ended when it was fetched is not gone on with: two drivers would make two
studies of one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from study.remote import agent
from study.spec import StudySpec
from trainables import imports
from trainables.errors import ConfigError


def check(folder: Path) -> None:
    """ConfigError where a link in ``folder`` leads out of it, or where it is a copy of a study that runs.

    What is appended behind a link would go elsewhere.

    From here on this process imports no module that lies in the folder, or in a study's beside it, whatever
    its study.json names.
    """
    home = folder.resolve()
    problems = []
    for place, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            path = Path(place, name)
            if path.is_symlink() and not _stays(path, home):
                problems.append(
                    f"--resume: {path} is a link out of the study folder, where nothing may be written; put "
                    f"what it leads to there instead"
                )
    if problems:
        raise ConfigError(problems)
    _check_copy(folder)
    for study in (folder / "study.json", *folder.parent.glob("*/study.json")):
        imports.data_only(study.parent)


def check_modules(spec: StudySpec) -> None:
    """ConfigError where the spec names a module that lies in such a folder. Nothing has been imported yet."""
    for what, named in (("function", spec.space.function), ("network", spec.train.network)):
        if named and imports.IMPORT_PATH.fullmatch(named):
            imports.check(what, named)


def _check_copy(folder: Path) -> None:
    try:
        study = json.loads((folder / "study.json").read_bytes())
        copy = agent.copied(folder) if study.get("state") == "running" else None
    except (OSError, ValueError, AttributeError, RecursionError):  # damaged, or none: said later
        return
    if copy:
        was = f"{copy['state']} in {copy['from']} when --fetch brought it, {copy['at']}"
        raise ConfigError(
            [
                f"--resume: {folder} is a copy of a study that was {was}; it may go on there. Nearest valid: "
                f"--resume it there; if it never will, remove {folder / agent.MARKER} to go on with the copy"
            ]
        )


def _stays(path: Path, home: Path) -> bool:
    try:
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError):  # a loop: leads nowhere
        return True
