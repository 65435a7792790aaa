from __future__ import annotations

import torch

from trainables.randomness import Randomness

CPU = torch.device("cpu")


def test_draws_are_its_own_and_others_are_undisturbed() -> None:
    torch.manual_seed(3)
    others = torch.rand(4)
    alone = Randomness(7, CPU)
    with alone:
        expected = [torch.rand(2), torch.rand(2)]

    torch.manual_seed(3)
    mixed, found = Randomness(7, CPU), []
    first = torch.rand(2)
    with mixed:
        found.append(torch.rand(2))
    second = torch.rand(2)
    with mixed:
        found.append(torch.rand(2))
    assert torch.equal(torch.cat([first, second]), others)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))


def test_state_can_be_carried_over() -> None:
    first = Randomness(7, CPU)
    with first:
        torch.rand(5)
    second = Randomness(0, CPU)
    second.state = first.state
    with first:
        expected = torch.rand(3)
    with second:
        assert torch.equal(torch.rand(3), expected)


def test_state_of_a_run_on_another_kind_of_device() -> None:
    """A run that began on a CPU has no state of a GPU; one that began on a GPU has one too many."""
    cpu, gpu = Randomness(7, CPU), Randomness(7, CPU)
    gpu.state.append(torch.tensor([1], dtype=torch.uint8))
    cpu_state, gpu_state = list(Randomness(8, CPU).state), list(gpu.state)
    gpu.load(cpu_state)
    cpu.load(gpu_state)
    assert [torch.equal(gpu.state[0], cpu_state[0]), int(gpu.state[1])] == [True, 1]
    assert len(cpu.state) == 1
    assert torch.equal(cpu.state[0], gpu_state[0])
