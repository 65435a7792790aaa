"""A trained network for other software: its baked weights as safetensors, its graph as NIR."""

from trainables.export.check import Agreement, agreement
from trainables.export.command import export_main
from trainables.export.exchange import from_nir, to_nir
from trainables.export.onestep import fold_batchnorm, one_step
from trainables.export.weights import from_safetensors, to_safetensors

__all__ = [
    "Agreement",
    "agreement",
    "export_main",
    "fold_batchnorm",
    "from_nir",
    "from_safetensors",
    "one_step",
    "to_nir",
    "to_safetensors",
]
