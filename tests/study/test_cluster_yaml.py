"""cluster.yaml against Ray's own offline validator, and against what it promises in its comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.exceptions import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

FILE = Path(__file__).parents[2] / "cluster.yaml"


@pytest.fixture
def config() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["max_workers"] == 2  # one head; both others are workers
    assert prepared["provider"]["type"] == "local"


def test_ray_would_refuse_a_mistake(config: dict[str, Any]) -> None:
    config["auth"]["ssh_port"] = 2222
    with pytest.raises(ValidationError, match="ssh_port"):
        validate_config(prepare_config(config))


def test_commands_reach_the_shell_whole(config: dict[str, Any]) -> None:
    """A ' #' in an unquoted list item would cut the command off without a word."""
    source = FILE.read_text()
    commands = [c for key in config if key.endswith("commands") for c in config[key]]
    assert all(" ".join(command.split()) in " ".join(source.split()) for command in commands)
    assert all(command.count("'") % 2 == 0 for command in commands)


def test_every_node_gets_the_token_and_no_statistics(config: dict[str, Any]) -> None:
    setup = " ".join(config["setup_commands"])
    assert "~/.ray/auth_token" in config["file_mounts"]
    assert "chmod 600 ~/.ray/auth_token" in setup
    assert "RAY_AUTH_MODE=token" in setup
    assert "RAY_USAGE_STATS_ENABLED=0" in setup


def test_exactly_three_lines_to_edit() -> None:
    assert FILE.read_text().count("# EDIT:") == 3
