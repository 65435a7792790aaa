"""Networks by import path: what a user's file may hold, how it is called, what is said when it fails."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from spikingjelly.activation_based import layer, neuron
from torch import Tensor, nn

from trainables.errors import ConfigError
from trainables.models import build, reset
from trainables.models.adapter import Adapter, step_modes

SHAPE, CLASSES, STEPS = (1, 4, 4), 3, 4
numbers = itertools.count()

# What users write. `Accumulate` is a neuron of one's own: no SpikingJelly, a state, a reset.
SOURCE = '''
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

def plain(classes=3):
    """Single-step layers as SpikingJelly makes them by default."""
    return nn.Sequential(
        layer.Conv2d(1, 2, 3, padding=1), layer.BatchNorm2d(2), neuron.IFNode(), layer.Flatten(),
        layer.Linear(32, classes), neuron.IFNode(),
    )

class Flattens(nn.Module):
    """Layers that know both step modes in a forward that knows only one."""
    def __init__(self):
        super().__init__()
        self.sn, self.fc = neuron.LIFNode(), layer.Linear(16, 3)
    def forward(self, x):
        return self.fc(self.sn(x).flatten(1))

class Centres(nn.Module):
    """Runs in step mode 'm' without an error, and then takes the mean over time for that of the batch."""
    def __init__(self):
        super().__init__()
        self.flat, self.sn, self.fc = layer.Flatten(), neuron.LIFNode(), layer.Linear(16, 3)
    def forward(self, x):
        x = self.sn(self.flat(x))
        return self.fc(x - x.mean(0))

class Mean(nn.Module):
    """Repeats images itself and answers with the mean, as the authors of SEW-ResNet do."""
    def __init__(self, T):
        super().__init__()
        self.T, self.conv, self.sn = T, nn.Conv2d(1, 3, 4), neuron.LIFNode(step_mode="m")
    def forward(self, x):
        current = self.conv(x).flatten(1)
        return self.sn(current.repeat(self.T, 1, 1)).mean(0)

class Accumulate(nn.Module):
    def __init__(self, **kwargs):
        super().__init__()
        self.fc, self.total = nn.Linear(16, 3, **kwargs), None
    def reset(self):
        self.total = None
    def forward(self, x):
        current = self.fc(x.flatten(1))
        self.total = current if self.total is None else self.total + current
        return self.total

class AnyShape(Accumulate):
    """Takes frames for one step of one more axis, without an error."""
    def forward(self, x):
        current = self.fc(x.flatten(-3))
        self.total = current if self.total is None else self.total + current
        return self.total

class Stateless(nn.Sequential):
    """No spikes at all: a linear readout."""
    def __init__(self):
        super().__init__(nn.Flatten(-3), nn.Linear(16, 3))

class Stem(nn.Module):
    """A convolution in single-step mode before the repetition: takes images only, answers by steps."""
    def __init__(self, T):
        super().__init__()
        self.T, self.conv, self.sn = T, layer.Conv2d(1, 3, 4), neuron.IFNode(step_mode="m")
    def forward(self, x):
        return self.sn(self.conv(x).flatten(1).repeat(self.T, 1, 1))

built = nn.Linear(16, 3)  # draws random numbers when the module is imported
number = 7
def no_module(): return {"a": 1}
def fails(): raise RuntimeError("no luck")
def answers_pairs():
    class Pairs(nn.Linear):
        def forward(self, x):
            return super().forward(x.flatten(-3)), x
    return Pairs(16, 3)
class Unspoken(nn.Module):
    def __init__(self, depth, *, width=4): super().__init__()
'''


@pytest.fixture
def mynet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module beside where the command runs; a new one every time."""
    name = f"mynet{next(numbers)}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return name


def make(path: str, **args: object) -> nn.Module:
    return build(path, STEPS, SHAPE, CLASSES, 2.0, 0, args)


def images(samples: int = 2) -> Tensor:
    return 3 * torch.randn(samples, *SHAPE, generator=torch.Generator().manual_seed(1))


def stepwise(net: nn.Module, frames: Tensor) -> Tensor:
    """The definition: one call a step."""
    result = torch.stack([net(frame) for frame in frames])
    reset(net)
    return result


def fresh(name: str, attribute: str, **args: object) -> nn.Module:
    """The user's own network of seed 0, as the factory makes it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        factory: Callable[..., nn.Module] = getattr(sys.modules[name], attribute)
        return factory(**args).double().eval()


@pytest.mark.parametrize(
    ("attribute", "way", "mode"),
    [
        ("plain", "sequence", "m"),
        ("Flattens", "steps", "s"),
        ("Centres", "steps", "s"),
        ("Accumulate", "steps", None),
        ("AnyShape", "steps", None),
        ("Stateless", "sequence", None),
    ],
)
def test_single_step_networks_compute_what_a_loop_computes(
    attribute: str, way: str, mode: str | None, mynet: str
) -> None:
    net = make(f"{mynet}:{attribute}").double().eval()
    assert isinstance(net, Adapter)
    assert net.way == way
    assert set(step_modes(net.net)) == {mode} - {None}
    x = images().double()
    frames = x * torch.arange(1, STEPS + 1, dtype=torch.float64).reshape(-1, 1, 1, 1, 1)
    own = fresh(mynet, attribute)
    with torch.no_grad():
        for given in (frames, x):
            expected = stepwise(own, given if given.dim() == 5 else given.repeat(STEPS, 1, 1, 1, 1))
            found = net(given)
            reset(net)
            assert found.shape == (STEPS, 2, CLASSES)
            torch.testing.assert_close(found, expected)
            assert bool(found.any())


def test_a_state_of_ones_own_is_reset(mynet: str) -> None:
    """Accumulate sums: without the reset the second pass starts where the first has ended."""
    net = make(f"{mynet}:Accumulate", bias=False)
    with torch.no_grad():
        first = net(images())
        carried_on = net(images())
        torch.testing.assert_close(carried_on[0], first[-1] + first[0])
        reset(net)
        assert torch.equal(net(images()), first)
        reset(net)
        assert net(images(5)).shape == (STEPS, 5, CLASSES)


@pytest.mark.parametrize(("attribute", "steps"), [("Mean", 1), ("Stem", 6)])
def test_networks_that_repeat_images_themselves(attribute: str, steps: int, mynet: str) -> None:
    """Their number of steps is what they were told; frames are not for them."""
    net = make(f"{mynet}:{attribute}", T=6)
    assert isinstance(net, Adapter)
    assert net.way == "images"
    assert net(images()).shape == (steps, 2, CLASSES)
    reset(net)
    with pytest.raises(ConfigError, match=r"takes images \[N, C, H, W\] only"):
        net(images().repeat(STEPS, 1, 1, 1, 1))


def test_a_network_that_obeys_is_left_as_it_is() -> None:
    """digits_net by its path: needs what a builder needs, and gets it from the user."""
    args = {"timesteps": STEPS, "shape": (1, 8, 8), "classes": 10, "tau": 2.0}
    net = build("trainables.models:digits_net", STEPS, (1, 8, 8), 10, 2.0, 0, args)
    named = build("digits_net", STEPS, (1, 8, 8), 10, 2.0, 0)
    assert isinstance(net, nn.Sequential)
    states = net.state_dict(), named.state_dict()
    assert all(torch.equal(states[0][key], value) for key, value in states[1].items())


def test_looking_leaves_no_trace(mynet: str) -> None:
    """The passes that find out how to call it change neither BN's statistics, the mode nor the states."""
    net = make(f"{mynet}:plain")
    assert net.training
    assert all(float(module.running_mean.abs().sum()) == 0 for module in net.modules() if _is_bn(module))
    assert all(module.v == 0.0 for module in net.modules() if isinstance(module, neuron.BaseNode))


def _is_bn(module: nn.Module) -> bool:
    return isinstance(module, layer.BatchNorm2d)


@pytest.mark.parametrize(
    ("attribute", "args", "line"),
    [
        ("plian", {}, "unknown name in mynet.*'plian': did you mean 'plain'"),
        ("number", {}, "is a int; must be an nn.Module class or a function that makes one"),
        ("built", {}, "is a network that is built already; every trial needs one of its own"),
        ("no_module", {}, "made a dict; must make a torch.nn.Module"),
        ("fails", {}, "could not be built: RuntimeError: no luck"),
        ("plain", {"clases": 3}, "network_args: unknown argument 'clases': did you mean 'classes'"),
        ("Unspoken", {"width": 3}, "network_args: argument 'depth' is needed and was not given"),
        ("Accumulate", {"basis": 1}, "could not be built: TypeError: .*basis"),
        ("plain", {"classes": 5}, "has 5 outputs, the data have 3 classes"),
        ("answers_pairs", {}, r"on zeros \[2, 1, 4, 4\] \(steps\) gave a tuple; must give \[T, 2, classes\]"),
    ],
)
def test_one_clear_error(attribute: str, args: dict[str, object], line: str, mynet: str) -> None:
    with pytest.raises(ConfigError, match=line) as caught:
        make(f"{mynet}:{attribute}", **args)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"network {mynet}:{attribute}: ")
    assert "\n" not in caught.value.problems[0]


@pytest.mark.parametrize(
    ("path", "args", "whose"),
    [
        ("os:system", {"command": "touch ran"}, "a function of Python's own library"),
        ("builtins:exec", {"source": "open('ran', 'w')"}, "a function of Python's own library"),
        ("subprocess:Popen", {"args": ["touch", "ran"]}, "is a class Popen; must be an nn.Module"),
        ("torch.hub:load", {"repo_or_dir": ".", "model": "net", "source": "local"}, "a function of torch"),
        ("numpy:load", {"file": "pickled.npy", "allow_pickle": True}, "a function of numpy"),
        ("torchvision.datasets.utils:download_url", {"url": "x", "root": "."}, "a function of torchvision"),
    ],
)
def test_what_a_stranger_could_name_is_not_called(
    path: str, args: dict[str, object], whose: str, mynet: str, tmp_path: Path
) -> None:
    """Settings, checkpoints and study folders name factories and their arguments."""
    (tmp_path / "hubconf.py").write_text("open('ran', 'w')\ndef net(): pass\n")
    module, _, name = path.partition(":")
    (tmp_path / f"{mynet}s.py").write_text(f"from {module} import {name}\n")  # not for being a user's module
    for named in (path, f"{mynet}s:{name}"):
        with pytest.raises(ConfigError, match=whose):
            make(named, **args)
    assert not (tmp_path / "ran").exists()


def test_images_that_do_not_fit(mynet: str) -> None:
    with pytest.raises(ConfigError, match=r"a forward pass on zeros \[2, 3, 4, 4\] .* failed: RuntimeError"):
        build(f"{mynet}:plain", STEPS, (3, 4, 4), CLASSES, 2.0, 0)


def test_modules_that_cannot_be_imported(mynet: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"no module '{mynet}s' is installed or in .*; did you mean '{mynet}'"
    ):
        make(f"{mynet}s:plain")
    with pytest.raises(ConfigError, match="no module 'nowhere' is installed or in"):
        make("nowhere.at.all:plain")
    for text, said in {
        "import no_such_dependency": "ModuleNotFoundError: No module named 'no_such_dependency'",
        "def f(:": "SyntaxError",
        "raise SystemExit(2)": "SystemExit: 2",
        "1 / 0": "ZeroDivisionError: division by zero",
    }.items():
        broken = f"broken{next(numbers)}"
        (tmp_path / f"{broken}.py").write_text(text)
        with pytest.raises(ConfigError, match=f"network {broken}:f: cannot be imported: {said}"):
            make(f"{broken}:f")


def test_packages_are_found_beside_where_it_runs(mynet: str, tmp_path: Path) -> None:
    package = tmp_path / f"pack{next(numbers)}"
    package.mkdir()
    (package / "nets.py").write_text(SOURCE)
    assert make(f"{package.name}.nets:plain")(images()).shape == (STEPS, 2, CLASSES)
    assert sys.path[-1] == str(tmp_path)  # last: it hides nothing
