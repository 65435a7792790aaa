"""Every cluster file against Ray's own offline validators, and against what it promises in its comments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from jsonschema.exceptions import ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

from study import launch
from study.resources import Node, decide
from study.spec import Resources
from trainables.flags import parse

ROOT = Path(__file__).parents[2]
FILES = {name: ROOT / name for name in ("cluster.yaml", "clusters/aws.yaml", "clusters/gcp.yaml")}
CLOUDS = [name for name in FILES if name != "cluster.yaml"]


def loaded(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILES[name].read_text())
    return content


def kuberay() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "clusters" / "kuberay.yaml").read_text()))


@pytest.mark.parametrize("name", FILES)
class TestEveryFile:
    def test_ray_accepts_it(self, name: str) -> None:
        prepared = prepare_config(loaded(name))
        validate_config(prepared)
        assert prepared["max_workers"] == (2 if name == "cluster.yaml" else 8)

    def test_ray_would_refuse_a_mistake(self, name: str) -> None:
        config = loaded(name)
        config["auth"]["ssh_port"] = 2222
        with pytest.raises(ValidationError, match="ssh_port"):
            validate_config(prepare_config(config))

    def test_nodes_are_set_up_alike(self, name: str) -> None:
        config, mine = loaded(name), loaded("cluster.yaml")
        for key in ("setup_commands", "file_mounts", "rsync_exclude", "worker_start_ray_commands"):
            assert config[key] == mine[key]

    def test_commands_reach_the_shell_whole(self, name: str) -> None:
        """A ' #' in an unquoted list item would cut the command off without a word."""
        source, config = FILES[name].read_text(), loaded(name)
        commands = [c for key in config if key.endswith("commands") for c in config[key]]
        assert all(" ".join(command.split()) in " ".join(source.split()) for command in commands)
        assert all(command.count("'") % 2 == 0 for command in commands)

    def test_starts_as_the_comments_say(self, name: str) -> None:
        head, worker = (
            loaded(name)["head_start_ray_commands"][1],
            loaded(name)["worker_start_ray_commands"][1],
        )
        assert "--disable-usage-stats" in head
        assert "--dashboard-host=127.0.0.1" in head
        assert all("env -u OMP_NUM_THREADS" in c and "$RAY_PORTS" in c for c in (head, worker))
        assert ("RAY_enable_autoscaler_v2=0" in head) == (name == "cluster.yaml")

    def test_says_what_was_run(self, name: str) -> None:
        top = FILES[name].read_text().partition("\ncluster_name:")[0]
        assert ("tests/cluster/test_two_nodes.py" if name == "cluster.yaml" else "Never run:") in top


@pytest.mark.parametrize("name", [*CLOUDS, "clusters/kuberay.yaml"])
def test_the_study_at_its_top_starts_although_no_worker_runs(name: str) -> None:
    """Trials that wait are what starts workers: the launch must not refuse them."""
    top = " ".join(line.removeprefix("#") for line in (ROOT / name).read_text().splitlines()[:20])
    flags = top.partition("-m study.launch")[2].split("/studies")[0].split()
    given, values, problems = parse(launch.parser(), [*flags[:-1], "s3://bucket/studies"])
    assert (given.address, problems) == ("auto", [])
    head = Node("head", cpus=0, memory_mib=4096)
    share = decide(Resources(**values["resources"]), 0, "auto", [head])
    assert (share.slots, share.gpus) == (16, 0.5)


@pytest.mark.parametrize("name", CLOUDS)
def test_a_worker_without_a_usable_gpu_does_not_join(name: str) -> None:
    """Its last set-up command fails: here there is none."""
    (command,) = loaded(name)["worker_setup_commands"]
    program = command.replace("~/spinetune-env/bin/python", sys.executable)
    assert subprocess.run(["bash", "-c", program], check=False, capture_output=True).returncode == (
        0 if torch.cuda.is_available() else 1
    )
    assert prepare_config(loaded(name))["worker_setup_commands"][-1] == command


@pytest.mark.parametrize("name", CLOUDS)
def test_gpu_workers_scale_from_zero_and_are_spot(name: str) -> None:
    config = loaded(name)
    gpu = config["available_node_types"]["gpu"]
    assert (gpu["min_workers"], gpu["max_workers"], gpu["resources"]["GPU"]) == (0, 8, 1)
    assert config["available_node_types"][config["head_node_type"]]["resources"] == {"CPU": 0}
    assert "spot" in yaml.safe_dump(gpu["node_config"]).lower()


def test_three_lines_of_cluster_yaml_to_edit() -> None:
    assert FILES["cluster.yaml"].read_text().count("# EDIT:") == 3


def test_the_node_s_environment_says_it_explicitly() -> None:
    text = (ROOT / "clusters" / "environment.sh").read_text()
    for setting in ("RAY_AUTH_MODE=token", "RAY_USAGE_STATS_ENABLED=0", 'RAY_AUTH_TOKEN_PATH="$HOME/.ray'):
        assert f"export {setting}" in text


class TestKubeRay:
    def test_ray_s_autoscaler_reads_it(self) -> None:
        config = _derive_autoscaling_config_from_ray_cr(kuberay()[0])
        assert config["max_workers"] == 8
        gpu = config["available_node_types"]["gpu"]
        assert (gpu["min_workers"], gpu["max_workers"]) == (0, 8)
        assert (gpu["resources"]["CPU"], gpu["resources"]["GPU"]) == (4, 1)
        assert config["available_node_types"]["headgroup"]["resources"]["CPU"] == 0

    def test_ray_would_refuse_a_mistake(self) -> None:
        cluster = kuberay()[0]
        del cluster["spec"]["workerGroupSpecs"][0]["template"]
        with pytest.raises(KeyError, match="template"):
            _derive_autoscaling_config_from_ray_cr(cluster)

    def test_every_container_gets_the_token_from_a_secret(self) -> None:
        spec = kuberay()[0]["spec"]
        groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
        containers = [one for group in groups for one in group["template"]["spec"]["containers"]]
        for environment in [spec["autoscalerOptions"]["env"], *(one["env"] for one in containers)]:
            named = {entry["name"]: entry for entry in environment}
            assert named["RAY_AUTH_MODE"]["value"] == "token"
            assert "value" not in named["RAY_AUTH_TOKEN"]
            assert named["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "spinetune-token"
            assert named["RAY_USAGE_STATS_ENABLED"]["value"] == "0"

    def test_other_pods_are_kept_out(self) -> None:
        cluster, policy = kuberay()
        chosen = policy["spec"]["podSelector"]
        assert chosen["matchLabels"] == {"ray.io/cluster": cluster["metadata"]["name"]}
        assert policy["spec"]["ingress"] == [{"from": [{"podSelector": chosen}]}]

    def test_the_image_lacks_what_no_node_needs(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        assert set(loaded("cluster.yaml")["rsync_exclude"]) <= set(ignored)

    def test_the_image_is_set_up_by_the_same_command(self) -> None:
        (setup,) = loaded("cluster.yaml")["setup_commands"]
        dockerfile = (ROOT / "clusters" / "Dockerfile").read_text()
        assert setup.replace("~", "/root") in dockerfile
