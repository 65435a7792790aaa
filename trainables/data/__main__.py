"""Fetch a data set: ``python -m trainables.data cifar10 --data-dir data``. Without a name: list them all."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trainables.data import DATASETS, load
from trainables.errors import ConfigError, unknown


def main(argv: list[str]) -> int:
    """0 when the data set is there, 2 with what to do by hand when it can't be had."""
    parser = argparse.ArgumentParser("python -m trainables.data", description="Fetch a data set.")
    parser.add_argument("name", nargs="?", help="data set by name; without: list all")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="folder of all data sets")
    given = parser.parse_args(argv)
    if given.name is None:
        for name, source in DATASETS.items():
            print(f"{name:16}{source.about}")
        return 0
    try:
        if given.name not in DATASETS:
            raise ConfigError([unknown("data set", given.name, list(DATASETS))])
        root = given.data_dir.expanduser().resolve() / given.name
        DATASETS[given.name].fetch(root)
        if DATASETS[given.name].temporal:
            print(f"{given.name}: archives are in {root}; the first run with it makes the frames")
            return 0
        dataset = load(given.name, given.data_dir, 1)
    except ConfigError as error:
        for line in error.problems:
            print(f"error: {line}", file=sys.stderr)
        return 2
    sizes = ", ".join(
        f"{len(split):,} {part}"
        for part, split in (("train", dataset.train), ("validation", dataset.val), ("test", dataset.test))
    )
    print(f"{given.name}: {sizes}, {dataset.classes} classes of {dataset.shape}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
