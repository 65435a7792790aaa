"""Small real data that ship inside Python packages: nothing to fetch, works offline."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from trainables.data.images import Images
from trainables.data.problems import problem
from trainables.data.split import Dataset, normalise, stratified
from trainables.data.store import Arrays, shared

# No official parts: both parts are large enough to tell methods apart (digits: 269 and 271 samples).
VAL_FRACTION = 0.15
TEST_FRACTION = 0.15


@dataclass(frozen=True)
class Table:
    """Images as lines of a compressed CSV file inside an installed package, the label in the last column.

    x is in [0, 1], not centred: an unlit pixel is no current, and a silent background costs no operations.
    """

    about: str
    package: str
    path: str
    shape: tuple[int, int, int]
    top: int  # value of a pixel that is full on
    extra: str = ""  # the optional dependency of Spinetune that brings the package
    temporal: bool = False

    def fetch(self, root: Path) -> None:
        """Nothing to download; says so where the package is not installed."""
        self._file(root)

    def _file(self, root: Path) -> Path:
        package = find_spec(self.package)  # found, not imported: scikit-learn costs every trial process 1.8 s
        if package is None or package.submodule_search_locations is None:
            raise problem(
                f"data set {root.name!r} ships in the package {self.package}, which is not installed: "
                f"pip install 'spinetune[{self.extra}]'"
            )
        return Path(package.submodule_search_locations[0]) / self.path

    def load(self, root: Path, timesteps: int) -> Dataset:
        file = self._file(root)

        def decode() -> Arrays:
            table = torch.from_numpy(np.loadtxt(file, delimiter=",", dtype=np.uint8))
            return {"x": table[:, :-1].reshape(-1, *self.shape), "y": table[:, -1].long()}

        arrays = shared(root.name, [file], decode)
        x, y, values = arrays["x"], arrays["y"], normalise(top=self.top)
        parts = stratified(y, val=VAL_FRACTION, test=TEST_FRACTION)
        train, val, test = (Images(x, y, rows, values) for rows in parts)
        return Dataset(train, val, test, classes=int(y.max()) + 1, shape=self.shape)
