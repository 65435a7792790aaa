"""What a pruned network costs, and what its training did to the synapses.

Two sparsities, never to be mixed. ``sparsity_params`` counts every weight once, as most papers do.
``sparsity_synapses`` counts a convolution weight once per output position that it serves, padding not
counted, as UPR does (Shi et al. ICLR 2024, "connectivity" is 1 minus this). On the network of STDS the two
differ by a factor of two in what remains. Both also exist without dead neurons (``*_live``).

``Meter`` gives a training all its cost entries. geometry: synapses per weight. connections: what is left.
liveness: dead neurons. activity: spikes and events of a forward pass. operations: what these cost. spines:
what formed and vanished since the last epoch. chips: where the network fits.
"""

from trainables.cost.activity import Activity, watch
from trainables.cost.activity import watch as count_spikes
from trainables.cost.chips import CHIPS, Chip, Fit, fits
from trainables.cost.connections import Connections, connections, weight_of
from trainables.cost.geometry import Geometry, geometry, spiking_nodes
from trainables.cost.meter import Meter
from trainables.pruners import prunable

__all__ = [
    "CHIPS",
    "Activity",
    "Chip",
    "Connections",
    "Fit",
    "Geometry",
    "Meter",
    "connections",
    "count_spikes",
    "fits",
    "geometry",
    "prunable",
    "spiking_nodes",
    "watch",
    "weight_of",
]
