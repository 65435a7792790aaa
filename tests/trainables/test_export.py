from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import nir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model import sew_resnet
from torch import nn

from trainables import cost, data, models, train
from trainables.config import ConfigError, TrainConfig
from trainables.export import (
    agreement,
    export_main,
    fold_batchnorm,
    from_nir,
    from_safetensors,
    one_step,
    to_nir,
    to_safetensors,
)
from trainables.export.exchange import DT_S, expressible

CONFIG = TrainConfig(epochs=3, scheduler="slats", final_threshold=0.1, device="cpu")
SHAPE = (1, 8, 8)
IMAGES = data.load("digits").test.x[:64]

Trained = tuple[Path, dict[str, Any]]


def averaged(model: nn.Module) -> nn.Module:
    """``model`` with average for max pooling: the same parameters, and NIR has nodes for it."""
    for name, pool in list(model.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            multi = isinstance(pool, layer.MaxPool2d)
            new = layer.AvgPool2d(2, step_mode="m") if multi else nn.AvgPool2d(2)
            model.set_submodule(name, new)
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    run = train.Training(CONFIG)
    list(run)
    path = tmp_path_factory.mktemp("run") / train.STATE_FILE
    train.save(run.state_dict(), path)
    return path, run.state_dict()


@pytest.fixture(scope="module")
def trained_average(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training of the digits net with average pooling; readable under the ``average_pooling`` fixture."""
    build = models.build
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", lambda *a, **k: averaged(build(*a, **k)))
        run = train.Training(CONFIG)
        list(run)
    path = tmp_path_factory.mktemp("run") / train.STATE_FILE
    train.save(run.state_dict(), path)
    return path, run.state_dict()


@pytest.fixture
def average_pooling(monkeypatch: pytest.MonkeyPatch) -> None:
    build = models.build
    monkeypatch.setattr(models, "build", lambda *a, **k: averaged(build(*a, **k)))


def outputs(net: nn.Module, x: torch.Tensor, steps: int | None = None) -> torch.Tensor:
    """Class activity [T, N, classes] of a network, or of the graph of one step, run ``steps`` times."""
    with torch.no_grad():
        result: torch.Tensor = net(x) if steps is None else torch.stack([net(x) for _ in range(steps)])
    functional.reset_net(net)
    return result


def lively(*layers: nn.Module, gain: float = 2.0) -> nn.Module:
    """A network in evaluation mode, with batch statistics of its own, whose neurons fire."""
    net = nn.Sequential(*layers)
    torch.manual_seed(0)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.05, 0.3)
                module.weight.uniform_(0.5 * gain, gain).mul_(torch.randint_like(module.weight, 2) * 2 - 1)
                module.bias.normal_(0.5, 0.5)
    return net.eval()


# --- safetensors


def test_safetensors_gives_back_the_same_network_bit_for_bit(trained: Trained, tmp_path: Path) -> None:
    model, accuracy, left = train.baked_network(CONFIG, trained[1])
    assert export_main([str(trained[0]), "--output", str(tmp_path), "--format", "safetensors"]) == 0
    file = tmp_path / "state.safetensors"
    again = from_safetensors(file)
    assert {name for name, _ in again.named_parameters()} == {name for name, _ in model.named_parameters()}
    assert torch.equal(outputs(again, IMAGES), outputs(model.eval(), IMAGES))
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    assert json.loads(metadata["config"]) == CONFIG.model_dump()
    assert float(metadata["accuracy_test"]) == accuracy
    weights = [again.get_submodule(name).weight for name in cost.prunable(again)]
    assert int(metadata["weights_left"]) == left == sum(int((w != 0).sum()) for w in weights)
    assert float(metadata["sparsity_params"]) == pytest.approx(1 - left / sum(w.numel() for w in weights))
    assert 0 < left < int(metadata["weights"])
    assert metadata["torch"] == torch.__version__


def test_tied_and_channels_last_weights_are_written(tmp_path: Path) -> None:
    model = models.build("digits_net", 4, SHAPE, 10, 2.0, 0).to(memory_format=torch.channels_last)
    model.get_submodule("9").weight = nn.Parameter(torch.randn(200, 128)[::2])  # not contiguous
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


# --- folding


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(["conv", "conv_bias", "linear", "pooled"]),
    affine=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_folded_layer_is_the_closed_form_and_keeps_its_zeros(kind: str, affine: bool, seed: int) -> None:
    torch.manual_seed(seed)
    between: list[nn.Module] = []
    if kind == "linear":
        first: Any = nn.Linear(5, 4)
        norm: Any = nn.BatchNorm1d(4, affine=affine)
        x = torch.randn(6, 5)
    else:
        first = nn.Conv2d(2, 4, 3, padding=1, bias=kind == "conv_bias")
        norm = nn.BatchNorm2d(4, affine=affine)
        x = torch.randn(6, 2, 4, 4)
        between = [nn.AvgPool2d(2)] if kind == "pooled" else []
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.1, 2)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    with torch.no_grad():
        first.weight[torch.rand_like(first.weight) < 0.6] = 0
    net = nn.Sequential(first, *between, norm).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    folded = fold_batchnorm(net)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in folded.modules())
    torch.testing.assert_close(folded(x), net(x), rtol=1e-5, atol=1e-5)
    assert torch.equal(folded.get_submodule("0").weight == 0, first.weight == 0)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_one_step_repeated_is_the_network_and_folding_keeps_its_spikes(trained: Trained) -> None:
    model, _, _ = train.baked_network(CONFIG, trained[1])
    expected = outputs(model.eval(), IMAGES)
    assert expected.mean() > 0.02  # it fires
    assert torch.equal(outputs(one_step(model), IMAGES, CONFIG.timesteps), expected)
    assert torch.equal(outputs(fold_batchnorm(model), IMAGES, CONFIG.timesteps), expected)


@pytest.mark.parametrize(
    ("net", "culprit"),
    [
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), "normalisation 0 "),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.BatchNorm2d(2)), "normalisation 2 "),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2, padding=1), nn.BatchNorm2d(2)),
            "normalisation 2 ",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)),
            "running statistics",
        ),
    ],
)
def test_batchnorm_that_can_not_be_folded_is_named(net: nn.Module, culprit: str) -> None:
    with pytest.raises(ConfigError) as error:
        fold_batchnorm(net)
    assert len(error.value.problems) == 1
    assert culprit in error.value.problems[0]


def test_a_convolution_that_feeds_something_else_too_is_not_folded() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            result: torch.Tensor = y + self.norm(y)
            return result

    with pytest.raises(ConfigError, match="normalisation norm "):
        fold_batchnorm(Fork())


# --- NIR


def test_nir_of_a_trained_network_fires_the_same_spikes(
    trained_average: Trained, average_pooling: None, tmp_path: Path
) -> None:
    model, _, _ = train.baked_network(CONFIG, trained_average[1])
    graph = to_nir(model, SHAPE, tmp_path / "net.nir", {"note": "x"})
    found = agreement(model, tmp_path / "net.nir", IMAGES)
    assert (found.spikes, found.classes, found.samples) == (1.0, 1.0, len(IMAGES))
    assert found.neurons == 16 * 16 + 32 * 4 + 128 + 100
    net_output, _ = from_nir(tmp_path / "net.nir")(IMAGES.expand(4, *IMAGES.shape))
    expected = outputs(model, IMAGES)
    assert expected.mean() > 0.02
    torch.testing.assert_close(net_output, expected, rtol=1e-6, atol=1e-6)
    read = nir.read(tmp_path / "net.nir")
    assert read.metadata == {"note": "x", "dt_s": "0.0001"}
    kinds = [type(node).__name__ for node in read.nodes.values()]
    assert sorted(kinds) == sorted(
        ["Input", "Output", "Flatten", "Linear", "Linear", "Linear", *["Conv2d", "AvgPool2d"] * 2]
        + ["LIF"] * 4
    )
    pruned = {
        name: int((model.get_submodule(name).weight != 0).sum()) for name in cost.prunable(model)
    }.values()
    written = [int((node.weight != 0).sum()) for node in graph.nodes.values() if hasattr(node, "weight")]
    assert written == [*pruned, 100]  # the voting layer last


@pytest.mark.parametrize("fault", ["weight", "threshold"])
def test_agreement_sees_a_wrong_file(
    fault: str, trained_average: Trained, average_pooling: None, tmp_path: Path
) -> None:
    model, _, _ = train.baked_network(CONFIG, trained_average[1])
    graph = to_nir(model, SHAPE, tmp_path / "net.nir")
    if fault == "weight":
        next(node for node in graph.nodes.values() if isinstance(node, nir.Conv2d)).weight *= 0.5
    else:
        next(node for node in graph.nodes.values() if isinstance(node, nir.LIF)).v_threshold *= 2
    nir.write(tmp_path / "wrong.nir", graph)
    assert agreement(model, tmp_path / "wrong.nir", IMAGES).spikes < 0.99


@pytest.mark.parametrize(
    ("node", "tau_s", "r"),
    [
        (neuron.LIFNode(2.5, decay_input=True), 2.5e-4, 1.0),
        (neuron.LIFNode(2.5, decay_input=False), 2.5e-4, 2.5),
        (neuron.IFNode(), None, 1e4),
        (neuron.LIFNode(3.0, v_threshold=0.7, v_reset=-0.2), 3e-4, 1.0),
        (neuron.ParametricLIFNode(init_tau=2.0), 2e-4, 1.0),
    ],
)
def test_one_euler_step_of_the_nir_neuron_is_spikingjellys_step(
    node: neuron.BaseNode, tau_s: float | None, r: float
) -> None:
    """The trace of the NIR equations, integrated here with dt = 1e-4 s, against SpikingJelly's node."""
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    graph = export_to_nir(expressible(nn.Sequential(nn.Linear(3, 3), node), (3,)), torch.zeros(1, 3), dt=DT_S)
    found: Any = next(n for n in graph.nodes.values() if isinstance(n, nir.LIF | nir.IF))
    assert found.r.tolist() == pytest.approx([r] * 3)
    if tau_s is not None:
        assert found.tau.tolist() == pytest.approx([tau_s] * 3)
    torch.manual_seed(1)
    currents = torch.rand(20, 3, dtype=torch.float64) * 2
    v = torch.full((3,), float(node.v_reset), dtype=torch.float64)
    expected = []
    for x in currents:
        slope = r * x if tau_s is None else (torch.tensor(found.v_leak) - v + r * x) / tau_s
        v = v + DT_S * slope
        spikes = v >= torch.tensor(found.v_threshold)
        v = torch.where(spikes, torch.tensor(found.v_reset), v)
        expected.append(spikes.double())
    functional.reset_net(node)
    node.double()
    with torch.no_grad():
        trace = torch.stack([node(x) for x in currents])
    assert torch.equal(trace, torch.stack(expected))
    assert 0 < trace.mean() < 1


@settings(max_examples=20, deadline=None)
@given(
    kernel=st.sampled_from([2, 3, (2, 3)]),
    stride=st.sampled_from([1, 2]),
    padding=st.sampled_from([0, 1]),
    rate=st.sampled_from([0.02, 0.2, 0.9]),
    seed=st.integers(0, 99),
)
def test_maximum_of_spikes_is_a_mean_and_a_threshold(
    kernel: Any, stride: int, padding: int, rate: float, seed: int
) -> None:
    """Over several steps: no window remembers the step before."""
    torch.manual_seed(seed)
    relay = neuron.IFNode()  # lets a spike of its input through
    pool = nn.MaxPool2d(kernel, stride, padding)
    net = expressible(nn.Sequential(relay, pool), (2, 6, 6))
    spikes = (torch.rand(5, 3, 2, 6, 6) < rate).float()
    found = torch.stack([net(x) for x in spikes])
    assert torch.equal(found, torch.stack([pool(x) for x in spikes]))


def test_network_that_pools_spikes_is_exported(tmp_path: Path) -> None:
    """The order of the paper's network: convolution, batch norm, neurons, maximum of spikes, dropout."""
    net = lively(
        layer.Conv2d(1, 8, 3, padding=1, bias=False),
        layer.BatchNorm2d(8),
        models.lif(2.0),
        layer.MaxPool2d(2),
        layer.Conv2d(8, 8, 3, padding=1, bias=False),
        layer.BatchNorm2d(8),
        models.lif(2.3),
        layer.MaxPool2d(2),
        layer.Flatten(),
        layer.Dropout(0.5),
        layer.Linear(32, 20),
        neuron.IFNode(v_threshold=0.2),
        layer.VotingLayer(2),
    )
    functional.set_step_mode(net, "m")
    frames = torch.rand(4, 16, *SHAPE)  # event data: a frame for every step
    to_nir(net, SHAPE, tmp_path / "net.nir")
    assert outputs(net, frames).mean() > 0.05
    found = agreement(net, tmp_path / "net.nir", frames)
    assert (found.spikes, found.classes) == (1.0, 1.0)
    assert found.neurons == 8 * 64 + 8 * 16 + 20


def test_residual_network_is_exported(tmp_path: Path) -> None:
    """SpikingJelly's SEW-ResNet with one block a stage: additions, adaptive pooling, torch.flatten."""
    net = sew_resnet.SEWResNet(
        sew_resnet.BasicBlock, [1, 1, 1, 1], num_classes=3, cnf="ADD", spiking_neuron=neuron.IFNode
    )
    lively(net)
    functional.set_step_mode(net, "m")
    frames = torch.rand(3, 2, 3, 32, 32)
    to_nir(net, (3, 32, 32), tmp_path / "net.nir")
    found = agreement(net, tmp_path / "net.nir", frames)
    assert (found.spikes, found.classes) == (1.0, 1.0)
    with cost.count_spikes(net) as count:
        outputs(net, frames)
    assert 0.02 < count.rate < 0.98


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class Clipped(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(x, 0, 1)


NODE = neuron.IFNode()


@pytest.mark.parametrize(
    ("net", "lines"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)),
            ["1: a maximum has a NIR form for spikes alone"],
        ),
        (nn.Sequential(neuron.IFNode(), nn.MaxPool2d(2, ceil_mode=True)), ["1: a maximum"]),
        (nn.Sequential(nn.ReLU(), nn.Sigmoid()), ["0: ReLU has no NIR node", "1: Sigmoid has no NIR node"]),
        (
            nn.Sequential(neuron.IFNode(v_reset=None)),
            ["0: NIR has no soft reset; nearest valid: v_reset=0.0"],
        ),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), ["0: SpikingJelly's exporter takes"]),
        (nn.Sequential(NODE, nn.Conv2d(2, 2, 3, padding=1), NODE), ["0: neurons that run twice"] * 2),
        (nn.Sequential(nn.Conv2d(2, 2, 3), Clipped()), ["the function clamp has no NIR node"]),
        (nn.Sequential(nn.AdaptiveAvgPool2d(5)), ["0: AdaptiveAvgPool2d has no NIR node"]),
        (nn.Sequential(Branching()), ["can't be written as a graph"]),
    ],
)
def test_what_nir_can_not_express_is_named(net: nn.Module, lines: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        to_nir(net, (2 if "Conv2d(2" in str(net) else 1, 8, 8), tmp_path / "net.nir")
    assert len(error.value.problems) == len(lines)
    for line, problem in zip(lines, error.value.problems, strict=True):
        assert line in problem
    assert list(tmp_path.iterdir()) == []


# --- the command


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
    _, accuracy, left = train.baked_network(CONFIG, trained_average[1])
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
    model, accuracy, _ = train.baked_network(CONFIG, trained[1])
    train.save({"config": CONFIG.model_dump(), "model": model.state_dict()}, tmp_path / "trial-0007.pt")
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
        ("config", "unknown data set 'digit': did you mean 'digits'?"),
        ("weights", "its weights are not those of its network"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(
    fault: str, part: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
