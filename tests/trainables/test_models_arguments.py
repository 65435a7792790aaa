"""Names and arguments of networks that a person gets wrong."""

from __future__ import annotations

from typing import Any

import pytest

from trainables import models
from trainables.errors import ConfigError
from trainables.models import MODELS, build


@pytest.mark.parametrize(
    ("name", "args", "line"),
    [
        ("6conv2fc", {"chanels": 8}, "network_args: unknown argument 'chanels': did you mean 'channels'?"),
        ("6conv2fc", {"channels": 0}, "network_args.channels: got 0, .* greater than or equal to 1; .* 256"),
        ("6conv2fc", {"dropout": 1.0}, "network_args.dropout: got 1.0, .* less than 1; the default is 0.5"),
        ("mlp", {"hidden": 256}, r"network_args.hidden: got 256, .* tuple; the default is \(256,\)"),
        ("mlp", {"hidden": [8, "many"]}, "network_args.hidden.1: got 'many', .* integer"),
        ("digits_net", {"width": 2}, "network_args: unknown argument 'width': known: pool"),
        ("sew_resnet18", {"zero_init": True}, "did you mean 'zero_init_residual'?"),
    ],
)
def test_arguments_that_a_network_does_not_take(name: str, args: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as caught:
        build(name, 2, (3, 32, 32), 10, 2.0, 0, args)
    assert len(caught.value.problems) == 1


def test_all_bad_arguments_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build("6conv2fc", 2, (3, 32, 32), 10, 2.0, 0, {"channels": -1, "hiden": 3})
    assert len(caught.value.problems) == 2


def test_names_of_networks() -> None:
    assert [models.require_network(name) for name in MODELS] == list(MODELS)
    assert models.require_network("package.module:Name") == "package.module:Name"
    with pytest.raises(ValueError, match="unknown network 'digit_net': did you mean 'digits_net'"):
        models.require_network("digit_net")
    for name in (":Net", "mynet:", "my net:Net", "mynet:Net:2", "mynet.:Net", "2net:Net"):
        with pytest.raises(ValueError, match=r"an import path is package\.module:Name"):
            models.require_network(name)
