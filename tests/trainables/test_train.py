from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from trainables import assembly, checkpoint, cost, models
from trainables.config import TrainConfig
from trainables.errors import ConfigError
from trainables.metrics import METRICS
from trainables.pruners import PRUNERS
from trainables.train import Row, Training

SHORT = TrainConfig(epochs=3, scheduler="slats", final_threshold=0.4, threads=1, precision="float32")


def without_time(rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key != "wall_s"} for row in rows]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(Training(SHORT))


def test_rows_have_the_listed_metrics(rows: list[Row]) -> None:
    assert set(rows[0]) - {"reason"} == set(METRICS) - {"accuracy_test"}
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["progress"] == 1


def test_threshold_follows_the_schedule(rows: list[Row]) -> None:
    """S-LATS: d at the end of epoch e is D (u + sin(pi u)/pi), and the L1 pressure stays D / sum(lr)."""
    final = 0.4 * assembly.lr_sum(SHORT)
    for row in rows:
        u = float(row["progress"] or 0)
        assert row["threshold"] == pytest.approx(final * (u + math.sin(math.pi * u) / math.pi))
    assert [row["l1_pressure"] for row in rows] == pytest.approx([0.4] * 3, rel=0.08)  # 19 steps an epoch


@pytest.mark.parametrize("pruner", PRUNERS)
def test_same_seed_same_bits(pruner: str) -> None:
    config = SHORT.model_copy(update={"pruner": pruner, "epochs": 2})
    assert without_time(list(Training(config))) == without_time(list(Training(config)))


def test_another_seed_other_bits(rows: list[Row]) -> None:
    other = list(Training(SHORT.model_copy(update={"seed": 1})))
    assert without_time(other)[0] != without_time(rows)[0]


class WithDropout(nn.Module):
    """A network that draws from the global random state while it trains."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.dropout = net, nn.Dropout(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.net(self.dropout(x))
        return result


@pytest.mark.parametrize("network", ["digits_net", "dropout"])
@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("stop_after", [1, 2])
def test_resumed_run_gives_the_same_bits(
    pruner: str, network: str, stop_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.MODELS, "dropout", lambda *a: WithDropout(models.digits_net(*a)))
    config = SHORT.model_copy(update={"pruner": pruner, "network": network})
    undisturbed = without_time(list(Training(config)))
    first = Training(config)
    for _ in range(stop_after):
        next(first)
    checkpoint.save(first.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(12345)  # whatever another run has done to the process's random state
    second = Training(config)
    second.load_state_dict(checkpoint.load(tmp_path / "state.pt"))
    assert without_time(list(second)) == undisturbed[stop_after:]


def test_training_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    next(Training(SHORT))
    assert torch.equal(torch.rand(3), expected)


def test_state_of_another_config_is_refused() -> None:
    state = Training(SHORT).state_dict()
    other = Training(SHORT.model_copy(update={"lr": 0.02, "seed": 3}))
    with pytest.raises(ConfigError) as error:
        other.load_state_dict(state)
    assert error.value.problems == [
        "lr: the checkpoint has 0.01, the run 0.02",
        "seed: the checkpoint has 0, the run 3",
    ]


@pytest.mark.parametrize("damage", ["optimizer", "randomness", "model"])
def test_damaged_state_is_refused(damage: str) -> None:
    run = Training(SHORT)
    state = run.state_dict()
    state = {**state, "model": {}} if damage == "model" else {k: v for k, v in state.items() if k != damage}
    with pytest.raises(ConfigError, match="not the state of a training"):
        Training(SHORT).load_state_dict(state)


@pytest.mark.parametrize("pruner", ["set", "rigl", "deep_r"])
def test_first_generation_is_what_the_pruner_starts_with(pruner: str) -> None:
    """A method that is sparse from the start has not eliminated nine tenths in its first epoch."""
    row = next(Training(SHORT.model_copy(update={"pruner": pruner})))
    assert row["spines_eliminated"] < 0.1
    assert row["spines_survival"] > 0.2  # of the dense network at most 0.1 could


def test_evaluation_takes_no_more_memory_than_it_should() -> None:
    assert assembly.eval_batch(SHORT, 612) == 1024
    assert assembly.eval_batch(SHORT, 0) == 1024
    wide = SHORT.model_copy(update={"timesteps": 8, "batch_size": 16})
    assert assembly.eval_batch(wide, 985_188) == 34  # 2^28 / (8 * 985,188)
    assert assembly.eval_batch(wide, 10**8) == 16


def test_divergence_ends_the_run_with_a_reason() -> None:
    run = Training(SHORT)
    with torch.no_grad():
        next(iter(run.model.parameters())).fill_(float("nan"))
    found = list(run)
    assert len(found) == 1
    assert found[0]["reason"] == "a weight was no longer finite after epoch 1"


def test_baked_network_is_plain_and_computes_the_same() -> None:
    run = Training(SHORT)
    for row in run:
        last = row
    model, accuracy, left = assembly.baked_network(SHORT, run.state_dict())
    test = assembly.dataset(SHORT).test
    _, expected = assembly.evaluate(run.model, test, run.loss, torch.float32)
    assert accuracy == expected
    assert set(model.state_dict()) == set(assembly.network(SHORT)[0].state_dict())
    zeros = sum(int((layer.weight == 0).sum()) for layer in cost.prunable(model).values())
    total = sum(layer.weight.numel() for layer in cost.prunable(model).values())
    assert left == total - zeros
    assert zeros / total == pytest.approx(last["sparsity_params"])


@pytest.mark.parametrize("end_silent", [True, False])
def test_a_silent_network_ends_after_half_of_the_training(end_silent: bool) -> None:
    """A threshold far above every spine leaves no weight: no output neuron can fire."""
    config = SHORT.model_copy(update={"epochs": 8, "final_threshold": 50.0, "scheduler": "cubic"})
    found = list(Training(config, end_silent=end_silent))
    assert len(found) == (4 if end_silent else 8)
    assert [row["accuracy_val"] for row in found[1:]] == [found[0]["accuracy_val"]] * (len(found) - 1)
    expected = "silent: no output neuron fired in the validation of 4 epochs" if end_silent else None
    assert found[-1]["reason"] == expected
