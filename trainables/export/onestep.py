"""A trained network as the graph of one time step, with its batch normalisations folded away.

Exchange formats describe one step of a network, [N, C, H, W] -> [N, classes], which the reader repeats T
times; the networks here take all T steps at once. What only training needs (dropout) goes, and batch
normalisation moves into the layer before it (Jacob et al. CVPR 2018, section 3.2):

    y = g (w x + b - mean) / sqrt(var + eps) + beta  =  w' x + b'
    w' = w g / sqrt(var + eps)        b' = (b - mean) g / sqrt(var + eps) + beta

A pruned weight, w = 0, stays exactly 0.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based import base, functional, layer
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from trainables import neurons
from trainables.errors import ConfigError
from trainables.models import DirectEncoding
from trainables.models.adapter import Adapter

IDLE = (nn.Identity, _DropoutNd, layer.Dropout, layer.Dropout2d)  # nothing happens here in evaluation
FOLDABLE = (nn.Conv1d, nn.Conv2d, nn.Linear)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """SpikingJelly's layers are units of the graph, like torch's; everything else is looked into."""
        return isinstance(module, base.StepModule) or super().is_leaf_module(module, name)


def calls(net: fx.GraphModule) -> Iterator[tuple[fx.Node, Any]]:
    """Every layer of ``net`` with its place in the graph, in the order in which they run."""
    for node in list(net.graph.nodes):
        if node.op == "call_module":
            yield node, net.get_submodule(str(node.target))


def replace(net: fx.GraphModule, node: fx.Node, *layers: nn.Module) -> None:
    """Put ``layers``, one after the other, where ``node`` is; none takes the node out."""
    last: Any = node.args[0]
    with net.graph.inserting_before(node):
        for i, new in enumerate(layers):
            name = f"{node.target if node.op == 'call_module' else node.name}".replace(".", "_") + f"_{i}"
            net.add_submodule(name, new)
            last = net.graph.call_module(name, (last,))
    node.replace_all_uses_with(last)
    net.graph.erase_node(node)


def _call(layer: nn.Module, x: Any) -> Any:
    return layer(x)


def one_step(model: nn.Module) -> fx.GraphModule:
    """A copy of ``model`` that maps one time step [N, C, H, W] to its output and keeps its state.

    A static image is the same current in every step. ConfigError for a network that can't be traced, such
    as one whose forward branches on its input.
    """
    model = copy.deepcopy(model).eval()
    neurons.unfuse(model)
    functional.reset_net(model)
    for encoder in model.modules():
        # Traced as what they hold, and the layers keep their names.
        if isinstance(encoder, DirectEncoding):
            setattr(encoder, "forward", partial(_call, encoder.stem))  # noqa: B010
        elif isinstance(encoder, Adapter):
            setattr(encoder, "forward", partial(_call, encoder.net))  # noqa: B010
    functional.set_step_mode(model, "s")
    try:
        net = fx.GraphModule(model, _Tracer().trace(model))
    except (fx.proxy.TraceError, TypeError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            [f"{type(model).__name__} can't be written as a graph: {reason}; nearest valid: a forward that "
             "calls its layers without looking at the values or the shape of its input"]
        ) from None  # fmt: skip
    for node in list(net.graph.nodes):
        if node.target is torch.flatten or (node.op, node.target) == ("call_method", "flatten"):
            start, end = [*node.args[1:], *node.kwargs.values(), -1][:2]
            replace(net, node, nn.Flatten(start, end))
        elif node.target in (torch.add, operator.iadd):
            node.target = operator.add
    for node, module in calls(net):
        if isinstance(module, IDLE):
            replace(net, node)
    net.recompile()
    return net


@torch.no_grad()
def fold_batchnorm(model: nn.Module) -> fx.GraphModule:
    """:func:`one_step` of ``model`` with every batch normalisation inside the layer before it.

    An average pooling without padding may stand between the two: a mean of affine maps is the affine map
    of the mean. The algebra is done in float64 and rounded once. ConfigError names each batch
    normalisation that has no such layer.
    """
    net = model if isinstance(model, fx.GraphModule) else one_step(model)
    problems = []
    for node, norm in calls(net):
        if not isinstance(norm, _BatchNorm):
            continue
        affine = _layer_before(net, node)
        if affine is None or norm.running_mean is None or norm.running_var is None:
            problems.append(
                f"batch normalisation {node.target} can't be folded; nearest valid: directly after a "
                "convolution or linear layer that feeds nothing else, with running statistics"
            )
            continue
        weight, bias = fuse_conv_bn_weights(
            affine.weight.double(),
            None if affine.bias is None else affine.bias.double(),
            norm.running_mean.double(),
            norm.running_var.double(),
            norm.eps,
            norm.weight,
            norm.bias,
        )
        affine.bias = nn.Parameter(bias.to(affine.weight.dtype))
        affine.weight = nn.Parameter(weight.to(affine.weight.dtype))
        replace(net, node)
    if problems:
        raise ConfigError(problems)
    net.delete_all_unused_submodules()
    net.recompile()
    return net


def _layer_before(net: fx.GraphModule, node: fx.Node) -> Any:
    """The convolution or linear layer whose output, and nothing else's, reaches ``node``; None without."""
    (source,) = node.all_input_nodes
    if source.op != "call_module" or len(source.users) > 1:
        return None
    module: Any = net.get_submodule(str(source.target))
    if isinstance(module, nn.AvgPool2d) and module.padding in (0, (0, 0)):
        return _layer_before(net, source)
    runs = sum(other is module for _, other in calls(net))
    return module if isinstance(module, FOLDABLE) and runs == 1 else None
