"""What goes to a cluster with a study: this project's code as it is here, the user's modules, the spec."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

import trainables
from study.spec import StudySpec
from trainables.errors import ConfigError, said
from trainables.imports import find

ROOMS = ("trainables", "study", "analysis")
SPEC = "study.yaml"  # the spec's name in the parcel
LARGEST_MIB = 100  # Ray keeps parcels in the head's memory and refuses them above 500
# Never code: histories, environments, caches, results.
LEFT_OUT = (".*", "__pycache__", "*.pyc", "venv", "env", "node_modules", "studies", "*.egg-info")


def pack(folder: Path, spec: StudySpec | None, modules: Iterable[Path] = ()) -> int:
    """Fill an empty folder with what is sent; returns its bytes. ConfigError where that is too much."""
    root = Path(trainables.__file__).parents[1]
    for source in [*(root / room for room in ROOMS), *modules]:
        try:
            if source.is_dir():
                shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
            else:
                shutil.copyfile(source, folder / source.name)
        except OSError as error:  # copytree's own has a list of files
            raise ConfigError([f"--submit: {source} cannot be copied to be sent: {said(error)}"]) from None
    if spec is not None:
        text = yaml.safe_dump(json.loads(spec.model_dump_json()), sort_keys=False)
        (folder / SPEC).write_text(text, encoding="utf-8")
    sizes = {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    size = sum(sizes.values())
    if size > LARGEST_MIB * 2**20:
        largest = max(sizes, key=lambda path: sizes[path])
        what = f"{size / 2**20:.0f} MiB of code, the largest file is {largest}"
        raise ConfigError(
            [f"--submit: {what}; at most {LARGEST_MIB} MiB are sent: move data out of the module"]
        )
    return size


def own_modules(paths: Iterable[str | None]) -> list[Path]:
    """Files and folders of modules that are named as ``package.module:Name`` and that no package installed.

    What they import from beside them goes along: all loaded modules of the same folder. ConfigError where
    there is no such module.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path or ":" not in path:
            continue
        find("--submit", path)
        top = importlib.import_module(path.partition(":")[0].partition(".")[0])
        place = _source(top)
        if place is None or _installed(place) or top.__name__ in ROOMS:
            continue
        for module in list(sys.modules.values()):
            source = _source(module)
            own = "." not in module.__name__ and module.__name__ not in (*ROOMS, "__main__")
            if source is not None and own and source.parent == place.parent and not _installed(source):
                found[module.__name__] = source
    return list(found.values())


def _source(module: Any) -> Path | None:
    """The file of a module, the folder of a package."""
    file = getattr(module, "__file__", None)
    if file is None:
        paths = list(getattr(module, "__path__", []))
        return Path(paths[0]).resolve() if paths else None
    path = Path(file).resolve()
    return path.parent if path.name == "__init__.py" else path


def _installed(path: Path) -> bool:
    """Whether pip (or Python) put it there: then it must be installed on the cluster too."""
    schemes = sysconfig.get_paths()
    places = {Path(schemes[key]).resolve() for key in ("purelib", "platlib", "stdlib", "platstdlib")}
    return any(place in path.parents for place in places)


def at_home(spec: StudySpec) -> StudySpec:
    """The spec with its relative places below the home folder of the head's user.

    A job's own folder is Ray's to delete.
    """
    resources = {
        key: from_home(value)
        for key, value in spec.resources.model_dump().items()
        if key in ("output", "storage") and value
    }
    return spec.model_copy(
        update={
            "resources": spec.resources.model_copy(update=resources),
            "train": spec.train.model_copy(update={"data_dir": from_home(spec.train.data_dir)}),
        }
    )


def from_home(place: str) -> str:
    """``~/place`` for a relative place; absolute ones and URLs as they are."""
    given = os.fspath(place)
    if given.startswith(("/", "~")) or "://" in given:
        return given
    return f"~/{PurePosixPath(given)}"
