"""What a trial gets and how many run at once: the table of ``study.resources`` by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from study.resources import Measured, Node, Share, decide, estimate_mib, needs_probe, to_measure, wants_gpu
from study.spec import AUTO, Resources
from trainables.config import TrainConfig, config_hash
from trainables.errors import ConfigError

SMALL = Node("a (10.0.0.1)", cpus=4, memory_mib=8 * 1024)
LARGE = Node("b (10.0.0.2)", cpus=16, memory_mib=64 * 1024)
GPU = Node("g (10.0.0.3)", cpus=8, memory_mib=32 * 1024, gpus=2)
ONE = Measured(memory_mib=1000, step_s=0.01)
ON_GPU = Measured(1000, 0.005, gpu_memory_mib=1000, gpu_total_mib=16_000, gpu_busy=0.25)


def share(
    nodes: list[Node], *measured: Measured, threads: int = 0, device: str = "auto", **asked: Any
) -> Share:
    return decide(Resources(**asked), threads, device, nodes, measured)


@pytest.mark.parametrize(
    ("asked", "threads", "slots", "cpus", "each"),
    [
        ({}, 0, 20, 1, 1),
        ({}, 4, 5, 4, 4),  # 1 + 4
        ({}, 3, 6, 3, 3),  # 1 + 5
        ({"slots": 1}, 0, 1, 16, 16),  # not 20: a trial runs on one node
        ({"slots": 4}, 0, 4, 4, 4),  # not 5: the small node would hold none
        ({"slots": 100}, 0, 20, 1, 1),
        ({"cpus_per_trial": 0.5}, 0, 40, 0.5, 1),
        ({"cpus_per_trial": 2.5}, 0, 7, 2.5, 2),  # 1 + 6
    ],
)
def test_cpus(asked: dict[str, Any], threads: int, slots: int, cpus: float, each: int) -> None:
    found = share([SMALL, LARGE], threads=threads, **asked)
    assert (found.slots, found.cpus, found.gpus, found.memory_mib) == (slots, cpus, 0, 0)
    assert found.threads == each


def test_memory_is_kept_where_cpus_alone_would_overfill_a_node() -> None:
    assert (
        share([SMALL, LARGE], replace(ONE, memory_mib=1000)).memory_mib == 0
    )  # 4 x 1200 < 8192, 16 x 1200 < 65536
    found = share([SMALL, LARGE], replace(ONE, memory_mib=4000))
    assert (found.memory_mib, found.slots) == (4800, 1 + 13)
    asked = share([SMALL, LARGE], memory_gib_per_trial=3)
    assert (asked.memory_mib, asked.slots) == (3072, 2 + 16)


@pytest.mark.parametrize(
    ("measured", "together", "by"),
    [
        (ON_GPU, 4, "its CPUs"),  # 8 CPUs for 2 GPUs; 4 by time, 12 by memory
        (replace(ON_GPU, gpu_busy=0.5), 2, "its time"),
        (replace(ON_GPU, gpu_memory_mib=4000), 3, "its memory"),  # 0.9 x 16000 / 4800
        (replace(ON_GPU, gpu_memory_mib=12_000), 1, "its memory"),
        (replace(ON_GPU, gpu_busy=1.0), 1, "its time"),
    ],
)
def test_small_networks_share_a_gpu(measured: Measured, together: int, by: str) -> None:
    found = share([GPU], measured)
    assert found.slots == 2 * together
    assert together * found.gpus <= 1 < (together + 1) * found.gpus
    assert f"{together} trials share a GPU, by {by}" in found.why


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("other", "by"),
    [(replace(ON_GPU, gpu_total_mib=4000), "its memory"), (replace(ON_GPU, gpu_busy=0.3), "its time")],
)
def test_the_most_demanding_kind_of_gpu_counts(other: Measured, by: str, turned: bool) -> None:
    """The other one holds 3 trials: 0.9 x 4000 / 1200 by memory, 1 / 0.3 by time."""
    both = [other, ON_GPU] if turned else [ON_GPU, other]
    found = share([GPU, replace(GPU, name="h (10.0.0.4)")], *both)
    assert found.slots == 4 * 3
    assert f"3 trials share a GPU, by {by}" in found.why


HEAD = Node("head (10.0.0.9)", cpus=64, memory_mib=256 * 1024)  # without a GPU
WORKER = Node("w (10.0.0.8)", cpus=8, memory_mib=32 * 1024, gpus=4)
IDLE = Node("a-head (10.0.0.7)", cpus=0, memory_mib=16 * 1024)  # trials stay away from it


@pytest.mark.parametrize(
    ("asked", "slots", "cpus"),
    [
        ({"slots": 1}, 1, 8),  # all of the one node with GPUs
        ({"slots": 2}, 2, 4),
        ({"slots": 4}, 4, 2),
        ({"slots": 8}, 4, 2),  # a GPU each: four, and no CPU is kept for more
        ({"slots": 8, "gpus_per_trial": 0.5}, 8, 1),
        ({"slots": 8, "gpus_per_trial": 2}, 2, 4),
        ({"slots": 8, "gpus_per_trial": 0}, 8, 8),  # the head's CPUs count again
        ({"slots": 4, "gpus_per_trial": 1, "memory_gib_per_trial": 16}, 2, 4),
    ],
)
def test_only_nodes_that_can_run_a_trial_share_their_cpus(
    asked: dict[str, Any], slots: int, cpus: float
) -> None:
    found = share([HEAD, WORKER], **asked)
    assert (found.slots, found.cpus) == (slots, cpus)


def test_trials_that_share_a_gpu_share_the_cpus_of_its_node() -> None:
    """8 asked: one CPU each lets two share a GPU; measured too large for that, each gets the CPUs of two."""
    measured = replace(ON_GPU, gpu_busy=0.1)
    found = share([HEAD, WORKER], measured, slots=8)
    assert (found.slots, found.cpus, found.gpus) == (8, 1, 0.5)
    found = share([HEAD, WORKER], replace(measured, gpu_busy=0.9), slots=8)
    assert (found.slots, found.cpus, found.gpus) == (4, 2, 1)


def test_a_gpu_node_without_cpus_for_a_trial_sets_no_limit() -> None:
    found = share([replace(WORKER, cpus=0), GPU], replace(ON_GPU, gpu_busy=0.5))
    assert (found.slots, found.gpus) == (2 * 2, 0.5)


@pytest.mark.parametrize(
    ("nodes", "asked", "chosen"),
    [
        ([IDLE, SMALL, LARGE], {}, [LARGE]),  # most memory, of those that hold a trial
        ([IDLE, SMALL], {}, [SMALL]),
        ([SMALL, HEAD, WORKER], {"cpus_per_trial": 6, "gpus_per_trial": 0}, [HEAD]),
        ([SMALL, replace(HEAD, cpus=4), WORKER], {"cpus_per_trial": 6, "gpus_per_trial": 0}, [WORKER]),
        ([replace(WORKER, cpus=0), HEAD, GPU], {}, [GPU]),
        ([replace(GPU, gpu_kind="A"), replace(WORKER, gpu_kind="B"), HEAD], {}, "AB"),
        ([replace(GPU, gpu_kind="A", gpus=1), replace(WORKER, gpu_kind="B")], {"gpus_per_trial": 2}, "B"),
    ],
)
def test_measured_where_a_trial_can_run(
    nodes: list[Node], asked: dict[str, Any], chosen: list[Node] | str
) -> None:
    found = to_measure(share(nodes, **asked), nodes)
    if isinstance(chosen, str):
        assert sorted(node.gpu_kind for node in found) == list(chosen)
    else:
        assert found == chosen


@pytest.mark.parametrize(
    ("device", "gpus", "where"),
    [
        ("auto", 0, "cpu"),  # Ray hides no GPU from a trial that asked for none
        ("auto", AUTO, "auto"),
        ("auto", 0.5, "auto"),
        ("cuda", 0, "cuda"),  # as asked
        ("cpu", AUTO, "cpu"),
    ],
)
def test_without_a_gpu_of_its_own_a_trial_computes_on_the_cpu(
    device: str, gpus: float | str, where: str
) -> None:
    train = TrainConfig(device=device, threads=3)
    assert share([GPU], device=device, gpus_per_trial=gpus).place(train) == {"device": where, "threads": 3}


def test_where_ray_declares_no_gpu_none_is_used() -> None:
    assert share([SMALL], slots=2).place(TrainConfig()) == {"device": "cpu", "threads": 2}


def test_where_a_trial_runs_changes_no_hash() -> None:
    config = TrainConfig(epochs=3)
    assert config_hash(config.model_copy(update=share([SMALL]).place(config))) == config_hash(config)


def test_not_measured_a_trial_has_a_whole_gpu() -> None:
    assert (share([GPU]).slots, share([GPU]).gpus) == (2, 1)
    assert (share([GPU], device="cpu").slots, share([GPU], device="cpu").gpus) == (8, 0)


def test_parts_of_a_gpu_do_not_add_up_over_two() -> None:
    """Three trials of 0.4 are 1.2 GPUs, but each runs on one."""
    assert share([GPU], gpus_per_trial=0.4).slots == 4
    assert share([GPU], gpus_per_trial=2).slots == 1
    assert share([GPU], gpus_per_trial=0.1).slots == 8  # by its CPUs


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"cpus_per_trial": 32},
            "resources: a trial asks 32 CPUs, 0 GPUs; a (10.0.0.1) has 4 CPUs, 0 GPUs, 8.0 GiB; b (10.0.0.2) "
            "has 16 CPUs, 0 GPUs, 64.0 GiB; nearest valid: --cpus-per-trial 16",
        ),
        (
            {"gpus_per_trial": 1, "memory_gib_per_trial": 70},
            "resources: a trial asks 1 CPUs, 1 GPUs, 70.0 GiB of memory; a (10.0.0.1) has 4 CPUs, 0 GPUs, "
            "8.0 GiB; b (10.0.0.2) has 16 CPUs, 0 GPUs, 64.0 GiB; nearest valid: --gpus-per-trial 0 "
            "--memory-gib-per-trial 64",
        ),
    ],
)
def test_what_cannot_fit_is_refused_with_the_numbers(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        share([SMALL, LARGE], **asked)
    assert refused.value.problems == [told]


def test_a_trial_that_was_measured_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"asks 1 CPUs, 0 GPUs, 9\.8 GiB of memory; a \(10"):
        share([SMALL], replace(ONE, memory_mib=8333))


def test_a_growing_cluster_is_taken_at_its_word() -> None:
    found = share([SMALL], grows=True, slots=64, gpus_per_trial=0.25, cpus_per_trial=8)
    assert (found.slots, found.cpus, found.gpus) == (64, 8, 0.25)


@pytest.mark.parametrize(
    ("asked", "nodes", "guess_mib", "expected"),
    [
        ({}, [SMALL], 1000, False),  # 4 x 1000 < 4096
        ({}, [SMALL], 1100, True),
        ({"slots": 2}, [SMALL], 1100, False),
        ({"memory_gib_per_trial": 2}, [SMALL], 10_000, False),
        ({}, [LARGE, SMALL], 1100, True),
        ({}, [GPU], 100, True),
        ({"gpus_per_trial": 0.5}, [GPU], 100, False),
        ({"slots": 1}, [GPU], 100, False),
        ({"grows": True, "slots": 4, "gpus_per_trial": 1}, [SMALL], 10_000, False),
    ],
)
def test_a_trial_is_measured_only_where_that_can_change_the_answer(
    asked: dict[str, Any], nodes: list[Node], guess_mib: float, expected: bool
) -> None:
    assert needs_probe(Resources(**asked), 0, "auto", nodes, guess_mib) == expected


def test_the_default_study_is_not_measured() -> None:
    """Digits on a laptop of 2 cores and 4 GiB, of which Ray hands out some 70 %."""
    guess = estimate_mib(weights=15_000, neurons=3_000, timesteps=4, batch=64, data_bytes=1797 * 64 * 4)
    assert 1024 < guess < 1200
    assert not needs_probe(Resources(), 0, "auto", [Node("me", 2, 0.7 * 8 * 1024)], guess)


def test_device_and_numbers_decide_on_gpus() -> None:
    assert wants_gpu(Resources(), "auto", [SMALL, GPU])
    assert not wants_gpu(Resources(), "auto", [SMALL])
    assert not wants_gpu(Resources(), "cpu", [GPU])
    assert wants_gpu(Resources(gpus_per_trial=0.5), "cpu", [])
    assert not wants_gpu(Resources(gpus_per_trial=0), "cuda", [GPU])
