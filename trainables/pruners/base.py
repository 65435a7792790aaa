"""What a pruning method sees, where the training is, and the hooks that a method may fill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

Map = TypeVar("Map", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Spines:
    """One pruned layer. ``theta`` is its original weight, the spine sizes, the parameter that is trained.

    ``uses``: synapses per weight, broadcasts to theta: the output positions that a convolution weight
    serves, padding not counted; 1 for a linear weight.
    """

    name: str
    layer: nn.Module
    theta: nn.Parameter
    uses: Tensor


@dataclass(frozen=True)
class Moment:
    """Where the training is: one object per optimiser step, the same for all hooks of that step.

    ``step`` counts the steps done when this one is over, 1 .. steps; the moment before training is 0.
    ``progress`` is step / steps. ``window`` is the progress inside the schedule's window, ``shape`` the
    schedule's f there, both in [0, 1]. ``lr`` is the learning rate of this step, ``threshold`` is
    d = D f in weight units. ``closes`` marks the first moment whose window is 1: pruning ends with it, and
    what follows fine-tunes.
    """

    step: int
    steps: int
    progress: float
    window: float
    shape: float
    lr: float
    threshold: float = 0.0
    closes: bool = False

    @property
    def pruning(self) -> bool:
        """Inside the window, its closing moment included."""
        return 0 < self.window < 1 or self.closes


class Pruner(Generic[Map]):
    """One method over all layers of one run; a subclass fills in what it needs.

    What a resumed run needs lies in the maps (buffers, parameters), hence in the model's state_dict, or
    follows from the Moment; a pruner keeps nothing else. Random numbers come from torch's global generator
    of the CPU, whatever the device: the one that the training checkpoints.

    ``fields``: the ``TrainConfig`` fields it reads, all others that belong to pruning are idle.
    ``drive``: what the schedule f moves: "threshold" (d = D f), "sparsity" (final_sparsity f) or "none".
    ``scheduler``, ``window_end``: its values of these fields where nobody chose any.
    """

    fields: ClassVar[tuple[str, ...]] = ("exempt",)
    drive: ClassVar[str] = "none"
    scheduler: ClassVar[str | None] = None
    window_end: ClassVar[float] = 1.0
    strength: ClassVar[float] = 0.0  # pruner_strength where the configuration has None

    def __init__(self, layers: list[Spines], options: Any) -> None:
        self.layers = layers
        self.options = options
        self.maps: list[Map] = []  # one per layer, in the same order; filled by attach

    def __iter__(self) -> Iterator[tuple[Spines, Map]]:
        """Layers with their maps."""
        return zip(self.layers, self.maps, strict=True)

    @property
    def regulariser(self) -> float:
        """``pruner_strength``, or the method's own."""
        given: float | None = self.options.pruner_strength
        return self.strength if given is None else given

    def period(self, moment: Moment) -> int:
        """``update_steps``, or a hundredth of the training where the configuration has 0."""
        given: int = self.options.update_steps
        return given or max(1, moment.steps // 100)

    @property
    def threshold(self) -> float:
        """The threshold d that now cuts the weights, in weight units; 0 for methods without one."""
        return 0.0

    def map(self, spines: Spines) -> Map:
        """The parametrization of one layer: ``forward(theta) -> weight``, same shape."""
        raise NotImplementedError

    def equip(self, model: nn.Module, geometry: Any) -> None:
        """Anything that sits elsewhere than on a weight; called once, after the maps are in place."""

    def start(self, moment: Moment) -> None:
        """Before the first step of a new run; not called when a run is resumed."""

    def penalty(self, moment: Moment) -> Tensor | None:
        """A scalar that is added to the loss of this step."""
        return None

    def before_step(self, moment: Moment) -> None:
        """Gradients are there, the optimiser has not moved."""

    def after_step(self, moment: Moment) -> None:
        """The optimiser has moved theta."""


def signs(theta: Tensor) -> Tensor:
    """True where a spine starts inhibitory; fixed for methods whose connections keep their sign."""
    return theta.detach() < 0


@torch.no_grad()
def unlearn(parameter: nn.Parameter, kept: Tensor) -> None:
    """Zero the gradient where ``kept`` is False."""
    if parameter.grad is not None:
        parameter.grad.mul_(kept)
