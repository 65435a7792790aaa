"""What is searched: ranges in a spec, points as fields of ``TrainConfig``, functions of one's own."""

from study.space.nearest import nearest
from study.space.points import (
    Params,
    configure,
    distributions,
    holds,
    numeric,
    probe,
    raw,
    references,
    space_hash,
    suggest,
)
from study.space.ranges import Space

__all__ = [
    "Params",
    "Space",
    "configure",
    "distributions",
    "holds",
    "nearest",
    "numeric",
    "probe",
    "raw",
    "references",
    "space_hash",
    "suggest",
]
