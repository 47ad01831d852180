"""Segmentation networks of packages that the user has installed, filled from a file of theirs: torchvision:NAME and smp:NAME:ENCODER.

Nothing is downloaded: the packages' own weights, which they would fetch, are asked for nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from livematte.errors import EngineError, SettingsError
from livematte.matting.pictures.network import Wish
from livematte.weights.published import filled, read_state

SPECS = ("torchvision:NAME", "smp:NAME:ENCODER")
# What both packages' published weights were trained with.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HEADS = ("classifier.4.weight", "classifier.low_classifier.weight", "segmentation_head.0.weight")  # whose first side counts the classes


def build_installed(model: str, path: Path) -> tuple[nn.Module, int, Wish]:
    """(the network, how many classes it has, what it wants of a picture), with the numbers of the file at `path`.

    SettingsError: no such network. EngineError: its package is not here. WeightsError: the file is another network's, or damaged."""
    package, _, name = model.partition(":")
    if not name or package not in {spec.partition(":")[0] for spec in SPECS}:
        raise SettingsError(f"unknown network {model!r}; wanted {' or '.join(SPECS)}")
    state = read_state(path)
    count = next((len(state[head]) for head in _HEADS if head in state), 0)
    net = _of_torchvision(name, state, count or 21) if package == "torchvision" else _of_smp(name, count or 1)
    multiple = 1 if package == "torchvision" else 32
    return Scored(filled(net, path, what=model)).eval(), count, Wish(mean=_MEAN, std=_STD, multiple=multiple)


class Scored(nn.Module):
    """A network whose result is its scores alone, (1, C, h, w)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, src: Tensor) -> Tensor:
        result = self.net(src)
        scores: Tensor = result["out"] if isinstance(result, dict) else result
        return scores


def _of_torchvision(name: str, state: Mapping[str, Tensor], count: int) -> nn.Module:
    models = _imported("torchvision.models", "torchvision")
    known = models.list_models(module=models.segmentation)
    if name not in known:
        raise SettingsError(f"torchvision has no segmentation network {name!r}; wanted one of {', '.join(known)}")
    auxiliary = any(key.startswith("aux_classifier.") for key in state)
    net: nn.Module = models.get_model(name, weights=None, weights_backbone=None, num_classes=count, aux_loss=auxiliary)
    return net


def _of_smp(name: str, count: int) -> nn.Module:
    models = _imported("segmentation_models_pytorch", "segmentation-models-pytorch")
    architecture, _, encoder = name.partition(":")
    try:
        net: nn.Module = models.create_model(architecture, encoder_name=encoder or "resnet34", encoder_weights=None, classes=count)
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"segmentation-models-pytorch has no {name!r}: {error}; wanted smp:NAME:ENCODER, such as smp:unet:resnet34"
        ) from error
    return net


def _imported(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise EngineError(f"{package} is not installed ({error}); try: pip install {package}") from error
    except RuntimeError as error:  # a torchvision that was made for another torch
        raise EngineError(f"{package} does not go with the torch that is here: {error}") from error
