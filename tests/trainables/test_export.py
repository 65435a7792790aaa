from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from safetensors import safe_open
from torch import nn

from tests.trainables.exported import CONFIG, IMAGES, Trained, outputs
from trainables import assembly, checkpoint, cost, imports, models
from trainables.config import TrainConfig
from trainables.errors import ConfigError
from trainables.export import export_main, from_safetensors, to_safetensors


def test_safetensors_gives_back_the_same_network_bit_for_bit(trained: Trained, tmp_path: Path) -> None:
    model, accuracy, left = assembly.baked_network(CONFIG, trained[1])
    assert export_main([str(trained[0]), "--output", str(tmp_path), "--format", "safetensors"]) == 0
    file = tmp_path / "state.safetensors"
    again = from_safetensors(file)
    assert {name for name, _ in again.named_parameters()} == {name for name, _ in model.named_parameters()}
    assert torch.equal(outputs(again, IMAGES), outputs(model.eval(), IMAGES))
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    assert TrainConfig(**json.loads(metadata["config"])) == CONFIG
    assert float(metadata["accuracy_test"]) == accuracy
    weights = [again.get_submodule(name).weight for name in cost.prunable(again)]
    assert int(metadata["weights_left"]) == left == sum(int((w != 0).sum()) for w in weights)
    assert float(metadata["sparsity_params"]) == pytest.approx(1 - left / sum(w.numel() for w in weights))
    assert 0 < left < int(metadata["weights"])
    assert metadata["torch"] == torch.__version__


def test_tied_and_channels_last_weights_are_written(tmp_path: Path) -> None:
    model = models.build("digits_net", 4, (1, 8, 8), 10, 2.0, 0).to(memory_format=torch.channels_last)
    model.get_submodule("9").weight = nn.Parameter(torch.randn(200, 128)[::2])  # not contiguous
    model.get_submodule("3").bias = model.get_submodule("3").weight  # one tensor under two names
    metadata = {"shape": "[1, 8, 8]", "classes": "10"}
    to_safetensors(model, CONFIG, metadata, tmp_path / "net.safetensors")
    again = from_safetensors(tmp_path / "net.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.parametrize("content", [b"", b"PK junk", None])
def test_what_is_no_safetensors_file_of_ours_is_refused(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="not written by" if content is not None else "No such file"):
        from_safetensors(file)


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, list[str], list[str]]:
    """Exit status, lines printed, lines of errors."""
    status = export_main([str(word) for word in argv])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()


def test_command_writes_both_files_and_says_what_is_in_them(
    trained_average: Trained, average_pooling: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "folder"
    status, out, err = run(capsys, trained_average[0].parent, "--output", output)  # the folder of state.pt
    assert (status, err) == (0, [])
    assert sorted(file.name for file in output.iterdir()) == ["state.nir", "state.safetensors"]
    _, accuracy, left = assembly.baked_network(CONFIG, trained_average[1])
    assert out[0] == f"digits_net on digits, stds, seed 0: test accuracy {100 * accuracy:.2f} %"
    total = 16 * 9 + 32 * 16 * 9 + 128 * 128 + 128 * 100
    assert out[1] == f"  weights {total:,}, not zero {left:,} (sparsity {100 * (1 - left / total):.2f} %)"
    assert out[3].startswith(f"{output / 'state.safetensors'}  ")
    assert out[5] == "  nodes: 2 AvgPool2d, 2 Conv2d, 1 Flatten, 1 Input, 4 LIF, 3 Linear, 1 Output"
    assert "100 % of 612 neurons' spikes equal, 100 % of the predicted classes" in out[6]
    with h5py.File(output / "state.nir") as file:  # one metadata for both
        assert float(file["node/metadata/accuracy_test"][()]) == accuracy


def test_network_without_a_nir_form_still_gives_safetensors(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, trained[0], "--output", tmp_path)
    assert status == 2
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]
    assert any("state.safetensors" in line for line in out)
    assert len(err) == 2
    assert all("state.nir not written: NIR: " in line and "nearest valid" in line for line in err)


def test_baked_network_of_a_study_is_exported_beside_itself(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, accuracy, _ = assembly.baked_network(CONFIG, trained[1])
    checkpoint.save(
        {"config": CONFIG.model_dump(mode="json"), "model": model.state_dict()}, tmp_path / "trial-0007.pt"
    )
    status, out, _ = run(capsys, tmp_path / "trial-0007.pt", "--format", "safetensors")
    assert status == 0
    assert f"test accuracy {100 * accuracy:.2f} %" in out[0]
    again = from_safetensors(tmp_path / "trial-0007.safetensors")
    assert torch.equal(outputs(again, IMAGES), outputs(model.eval(), IMAGES))


def test_existing_file_is_kept_without_force(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "state.safetensors"
    file.write_text("mine")
    argv = [trained[0], "--output", tmp_path, "--format", "safetensors"]
    status, out, err = run(capsys, *argv)
    assert (status, out) == (2, [])
    assert err == [f"error: {file} exists; --force replaces it, --output names a folder"]
    assert file.read_text() == "mine"
    assert run(capsys, *argv, "--force")[0] == 0
    from_safetensors(file)
    assert [left.name for left in tmp_path.iterdir()] == [file.name]


class Trap:
    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.sprung,))


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ("missing", "nearest: "),
        ("empty folder", "no file"),
        ("cut", "damaged, or not a checkpoint"),
        ("bit", "damaged, or not a checkpoint"),
        ("text", "damaged, or not a checkpoint"),
        ("empty", "damaged, or not a checkpoint"),
        ("zip", "damaged, or not a checkpoint"),
        ("other state", "damaged, or not a checkpoint"),
        ("code", "could run code; refused"),
        ("beside", "nothing in it is executed"),
        ("named", "a function of Python's own library"),
        ("config", "unknown data set 'digit': did you mean 'digits'?"),
        ("weights", "its weights are not those of its network"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(
    fault: str,
    part: str,
    trained: Trained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imports, "_data_only", set())
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path, (intact, state) = tmp_path / "some.pt", trained
    match fault:
        case "missing":
            path = intact.with_name("sate.pt")
        case "empty folder":
            path = tmp_path
        case "cut":
            path.write_bytes(intact.read_bytes()[: intact.stat().st_size // 2])
        case "bit":
            content = bytearray(intact.read_bytes())
            content[len(content) // 2] ^= 1  # in a tensor: torch alone reads it without a word
            path.write_bytes(content)
        case "text":
            path.write_text("epoch,accuracy\n1,0.5\n")
        case "empty":
            path.touch()
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a.txt", "b")
        case "other state":
            torch.save({"weights": torch.ones(3)}, path)
        case "code":
            torch.save({**state, "model": Trap(tmp_path / "sprung")}, path)
        case "beside":
            (tmp_path / "beside_it.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
            monkeypatch.chdir(tmp_path)
            torch.save({**state, "config": {**state["config"], "network": "beside_it:net"}}, path)
        case "named":
            named = {"network": "os:system", "network_args": {"command": f"touch {tmp_path / 'sprung'}"}}
            torch.save({**state, "config": {**state["config"], **named}}, path)
        case "config":
            torch.save({**state, "config": {**state["config"], "dataset": "digit"}}, path)
        case "weights":
            torch.save({**state, "model": {"0.stem.0.weight": torch.ones(2)}}, path)
    status, out, err = run(capsys, path, "--output", tmp_path / "out")
    assert (status, out, len(err)) == (2, [], 1)
    assert err[0].startswith("error: ")
    assert part in err[0]
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "out").exists()


def test_output_that_can_not_be_written_is_an_error(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    status, _, err = run(capsys, trained[0], "--output", tmp_path / "file" / "out", "--format", "safetensors")
    assert (status, len(err)) == (2, 1)
    assert "state.safetensors not written: " in err[0]
    assert "--output names another folder" in err[0]


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        ([], ["the following arguments are required: checkpoint"]),
        (["x.pt", "--formt", "nir"], ["unknown flag '--formt': did you mean '--format'?"]),
        (["x.pt", "--format", "nri"], ["unknown format 'nri': did you mean 'nir'?"]),
        (["x.pt", "y.pt"], ["unexpected words: y.pt"]),
    ],
)
def test_bad_flags(argv: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *argv)
    assert (status, out, len(err)) == (2, [], len(parts))
    assert all(part in line for part, line in zip(parts, err, strict=True))
