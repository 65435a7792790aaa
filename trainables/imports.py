"""What a user names by import path, ``package.module:Name``: a network, a search space."""

from __future__ import annotations

import importlib
import re
import sys
from collections import deque
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from trainables.errors import ConfigError, said, unknown

_data_only: set[Path] = set()
IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def data_only(folder: Path) -> None:
    """Import nothing from ``folder`` in this process: what lies there is data, perhaps a stranger's."""
    _data_only.add(folder.resolve())


def check(what: str, path: str) -> None:
    """ConfigError where the module of an import path lies among data."""
    here = str(Path.cwd())
    relative = Path(*path.partition(":")[0].split("."))
    for place in [*sys.path, here]:
        for candidate in (relative, relative.with_suffix(".py"), relative.parent):
            file = Path(place or here, candidate).resolve()
            if file.exists() and any(file.is_relative_to(folder) for folder in _data_only):
                why = f"{file} lies in a folder of results, which is data: nothing in it is executed"
                raise ConfigError([f"{what} {path}: {why}; put the module elsewhere"])


def find(what: str, path: str) -> Any:
    """The object that ``path`` names; ``what`` it should be stands at the head of every message.

    Modules are looked for where Python does and then in the current folder. Importing a module runs its
    code. ConfigError: no such module, one that fails while it is imported, no such name in it.
    """
    module_name, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last: a user's file must not hide what libraries import
    check(what, path)
    importlib.invalidate_caches()  # the file may be younger than Python's last look into the folder
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ConfigError([f"{what} {path}: cannot be imported: {said(error)}"]) from error
        files = sorted(file.stem for file in Path(here).glob("*.py"))
        near = get_close_matches(module_name, files, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problem = f"{what} {path}: no module {error.name!r} is installed or in {here}{hint}"
        raise ConfigError([problem]) from None
    except (Exception, SystemExit) as error:  # SystemExit: a script that reads its own command line
        raise ConfigError([f"{what} {path}: cannot be imported: {said(error)}"]) from error
    if not hasattr(module, name):
        public = [known for known, value in vars(module).items() if known[:1] != "_" and callable(value)]
        raise ConfigError([f"{what} {path}: " + unknown(f"name in {module_name}", name, public)])
    return getattr(module, name)


def whose(factory: Any) -> str | None:
    """Whose a callable is, if it came with Python or with what this project requires; None: the user's own.

    A settings file can name any function of those together with its arguments, and one that a stranger wrote
    would (``os:system``, ``torch.hub:load``). What only this user has, no stranger can name.
    """
    module = str(getattr(factory, "__module__", None) or type(factory).__module__)
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names:
        return "Python's own library"
    file = getattr(sys.modules.get(package), "__file__", None)
    if file and not any(any(place.glob("*.dist-info")) for place in Path(file).parents[:2]):
        return None  # not where packages are installed; spares the next question, which takes half a second
    return f"{package}, a library that Spinetune uses" if package in _required() else None


@cache
def _required() -> frozenset[str]:
    """Packages to import that the project's dependencies bring, and theirs, extras included."""
    files = metadata.packages_distributions()
    names, queue = {"spinetune"}, deque(["spinetune"])
    while queue:
        try:
            lines = metadata.requires(queue.popleft()) or []
        except metadata.PackageNotFoundError:  # an extra that is not installed
            continue
        for found in (re.match(r"[\w.-]+", line) for line in lines):
            name = _normal(found[0]) if found else ""
            if name not in names:
                names.add(name)
                queue.append(name)
    return frozenset(top for top, owners in files.items() if names & {_normal(owner) for owner in owners})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
