"""A study folder may come from somebody else: what it holds is data, and going on with it stays inside it."""

from __future__ import annotations

import os
from pathlib import Path

from study.spec import StudySpec
from trainables import imports
from trainables.errors import ConfigError


def check(folder: Path) -> None:
    """ConfigError where a link in ``folder`` leads out of it: what is appended there would go elsewhere.

    From here on this process imports no module that lies in the folder, whatever its study.json names.
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
    imports.data_only(folder)


def check_modules(spec: StudySpec) -> None:
    """ConfigError where the spec names a module that lies in such a folder. Nothing has been imported yet."""
    for what, named in (("function", spec.space.function), ("network", spec.train.network)):
        if named and imports.IMPORT_PATH.fullmatch(named):
            imports.check(what, named)


def _stays(path: Path, home: Path) -> bool:
    try:
        return path.resolve().is_relative_to(home)
    except (OSError, RuntimeError):  # a loop: leads nowhere
        return True
