"""The presets that claim to be the paper's own settings, against a table typed from its authors' code.

Every key of a preset's ``train`` must stand in the table, and every line of the table in the preset: a
default of ours that changes must not change the paper's settings without a word.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from study.spec import StudySpec, presets, read
from trainables.config import build
from trainables.models import MODELS
from trainables.schedules import SCHEDULES

# preset -> [(field, value, what the authors' code says, where)]; github Yanqi-Chen/STDS
PAPER: dict[str, list[tuple[str, Any, str, str]]] = {
    "cifar10-stds": [
        ("dataset", "cifar10", "torchvision.datasets.CIFAR10", "CIFAR10/train.py main"),
        ("augment", True, "RandomCrop(32, padding=4), RandomHorizontalFlip", "CIFAR10/train.py main"),
        ("network", "6conv2fc", "CIFAR10Net: 6 conv, 2 FC, dropout .5, vote 10", "CIFAR10/model.py"),
        ("timesteps", 8, "-T, default 8", "CIFAR10/train.py parse_args"),
        ("tau", 2.0, "MultiStepLIFNode, tau=2.0, detach_reset=True, ATan", "CIFAR10/train.py main"),
        ("pruner", "stds", "--sparse-function stmod", "README"),
        ("scheduler", "sine", "--gradual; the logs are sine", "CIFAR10/logs"),
        ("final_threshold", 1.0, "--flat-width; logs: 1, 2, 3, 4, 5", "CIFAR10/logs"),
        ("threshold_unit", "weight", "softThresholdmod(weight, width)", "CIFAR10/model.py"),
        ("layer_weighting", "none", "one setFlatWidth for all modules", "CIFAR10/train.py main"),
        ("exempt", (), "every conv3x3 and both conv1x1 are PConv", "CIFAR10/model.py"),
        ("loss", "mse", "MSELoss(output.mean(0), one_hot)", "CIFAR10/train.py main"),
        ("optimizer", "adam", "Adam(net.parameters(), lr)", "CIFAR10/train.py main"),
        ("momentum", 0.9, "betas not given: (0.9, 0.999)", "CIFAR10/optim.py"),
        ("weight_decay", 0.0, "not given: 0", "CIFAR10/optim.py"),
        ("lr", 1e-4, "--lr, default 1e-4", "CIFAR10/train.py parse_args"),
        ("lr_schedule", "constant", "no scheduler", "CIFAR10/train.py main"),
        ("epochs", 2048, "-N, default 2048; trains N + 1", "CIFAR10/train.py parse_args"),
        ("batch_size", 16, "-b, default 16", "CIFAR10/train.py parse_args"),
        ("precision", "auto", "--amp: float16 autocast", "README"),
    ],
    "imagenet-sew18": [
        ("dataset", "imagenet", "ImageFolder", "ImageNet/train.py load_data"),
        ("augment", True, "RandomResizedCrop(224), RandomHorizontalFlip", "ImageNet/train.py load_data"),
        ("network", "sew_resnet18", "--model sew_resnet18 --connect_f ADD", "README"),
        ("timesteps", 4, "--T 4", "README"),
        ("pruner", "stds", "--sparse-function stmod", "README"),
        ("scheduler", "sine", "--gradual; logs: linear and sine", "ImageNet/logs"),
        ("final_threshold", 0.6, "--flat-width; logs: sine .1 .6 .8 1.5 3 5", "ImageNet/logs"),
        ("threshold_unit", "weight", "softThresholdmod(weight, width)", "ImageNet/sew_resnet.py"),
        ("layer_weighting", "none", "one setFlatWidth for all modules", "ImageNet/train.py train_one_epoch"),
        ("exempt", ("fc",), "self.fc is a plain nn.Linear", "ImageNet/sew_resnet.py"),
        ("loss", "cross_entropy", "CrossEntropyLoss of fc(mean over T)", "ImageNet/train.py main"),
        ("optimizer", "sgd", "SGD", "ImageNet/train.py main"),
        ("momentum", 0.9, "--momentum, default 0.9", "ImageNet/train.py parse_args"),
        ("weight_decay", 0.0, "--wd, default 0", "ImageNet/train.py parse_args"),
        ("lr", 0.1, "--lr 0.1", "README"),
        ("lr_schedule", "cosine", "CosineAnnealingLR(T_max=320), --cos_lr_T 320", "README"),
        ("epochs", 320, "--epoch 320", "README"),
        ("batch_size", 8 * 32, "--nproc_per_node=8 -b 32", "README"),
        ("precision", "auto", "--amp: float16 autocast", "README"),
    ],
}
# The final thresholds of the authors' logs, by preset: the search must be able to find each.
LOGGED = {"cifar10-stds": [1, 2, 3, 4, 5], "imagenet-sew18": [0.1, 0.2, 0.4, 0.6, 0.8, 1.5, 3, 5]}
LINES = [(preset, *line) for preset, table in PAPER.items() for line in table]


@pytest.mark.parametrize(("preset", "field", "value", "said", "where"), LINES)
def test_line_of_the_paper(preset: str, field: str, value: Any, said: str, where: str) -> None:
    written = read(presets()[preset])["train"]
    assert field in written, "a default is no setting of the paper"
    assert getattr(build(StudySpec, {"train": written}).train, field) == value


@pytest.mark.parametrize("preset", PAPER)
def test_nothing_is_set_that_the_paper_does_not_say(preset: str) -> None:
    assert set(read(presets()[preset])["train"]) == {field for field, *_ in PAPER[preset]}


@pytest.mark.parametrize("preset", PAPER)
def test_the_search_covers_the_authors_runs(preset: str) -> None:
    spec = build(StudySpec, read(presets()[preset]))
    low, high = spec.space.threshold
    assert all(low <= d <= high for d in LOGGED[preset])
    assert set(spec.space.schedulers) == set(SCHEDULES)
    assert spec.search.reference_threshold in LOGGED[preset]
    assert spec.resources.gpus_per_trial == 1


def test_what_the_network_brings_along() -> None:
    """Settings of the paper that are the network's, not the training's."""
    six, sew = MODELS["6conv2fc"], MODELS["sew_resnet18"]
    assert (six.weights, six.neurons) == (36_715_264, 985_188)
    assert (six.shape, six.classes) == ((3, 32, 32), 10)
    assert (sew.shape, sew.classes) == ((3, 224, 224), 1000)


def test_the_paper_sine_is_ours() -> None:
    """CIFAR10/train.py sineInc: (1 + sin(pi (n/N - 1/2))) / 2."""
    shape = SCHEDULES["sine"].shape
    for n in range(9):
        assert float(shape(n / 8)) == pytest.approx((1 + math.sin(math.pi * (n / 8 - 0.5))) / 2)
