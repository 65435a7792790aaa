"""Neurons that are masked (UPR): written to safetensors and read back, refused for NIR."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.trainables.exported import CONFIG, IMAGES, outputs
from trainables import assembly, checkpoint, pruners, train
from trainables.export import export_main, from_safetensors
from trainables.pruners import neuron_masks

UPR = CONFIG.model_copy(update={"pruner": "upr", "network_args": {"pool": "stride"}, "window_end": 0.5})


@pytest.mark.parametrize("baked", [False, True])
def test_masks_of_neurons_are_exported(
    baked: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train.Training(UPR)
    model, _, _ = assembly.pruned_network(UPR)
    model.load_state_dict(run.model.state_dict())
    with torch.no_grad():  # every third neuron of every layer is gone
        for _, node in neuron_masks.gated(model):
            gate = node.get_submodule(neuron_masks.NAME)
            gate.get_buffer("beta").fill_(1000.0)
            gate.get_parameter("alpha").fill_(1.0).flatten()[::3] = -1.0
    state = {"config": UPR.model_dump(mode="json"), "model": model.state_dict()}
    if baked:  # as a study keeps it
        state["model"] = pruners.bake(model).state_dict()
    checkpoint.save(state, tmp_path / "trial-0001.pt")
    assert export_main([str(tmp_path / "trial-0001.pt")]) == 2  # for the sake of NIR
    out, err = capsys.readouterr()
    masked = -(-16 * 16 // 3) - (-32 * 4 // 3) - (-128 // 3)
    assert f"neurons 612, masked {masked} (NODE.neuron_mask.gate)" in out
    assert len(err.splitlines()) == 3
    assert all("masks on single neurons (upr) have no NIR node" in line for line in err.splitlines())
    again = from_safetensors(tmp_path / "trial-0001.safetensors")
    assert torch.equal(outputs(again, IMAGES), outputs(model.eval(), IMAGES))
