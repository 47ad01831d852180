"""Which network a user's file holds, told by the names in it; nothing is run, and only tensors are loaded."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from livematte.errors import WeightsError
from livematte.weights.published import STATE_SUFFIXES, is_torchscript, read_state
from livematte.weights.tensors import parse_onnx

# Names that no network but this one has all of. Of two that share them, the more particular comes first.
_STATES = {
    "rvm-mobilenetv3": {"refiner.box_filter.weight", "backbone.features.0.0.weight"},
    "rvm-resnet50": {"refiner.box_filter.weight", "backbone.layer1.0.conv1.weight"},
    "modnet": {"lr_branch.se_block.fc.0.weight", "f_branch.conv_f.0.layers.0.weight"},
    "bgm-mobilenetv2": {"aspp.convs.0.0.weight", "decoder.conv4.weight", "backbone.features.0.0.weight"},
    "bgm-resnet101": {"aspp.convs.0.0.weight", "decoder.conv4.weight", "backbone.layer3.22.conv1.weight"},
    "bgm-resnet50": {"aspp.convs.0.0.weight", "decoder.conv4.weight", "backbone.layer1.0.conv1.weight"},
}
_RVM_PORTS = {"src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio"}
_SHOWN = 5  # names in a message


def family_of(path: Path) -> str:
    """What the file at `path` holds: rvm-mobilenetv3, rvm-resnet50, modnet (a checkpoint or an ONNX file of it), bgm-mobilenetv2,
    bgm-resnet50, bgm-resnet101; "onnx" for any other ONNX file, "torchscript" for a program saved by torch.jit.

    WeightsError: absent, damaged, with code in it, or a network that is not known; the message has the first names found."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; wanted an .onnx file, or a {', '.join(STATE_SUFFIXES)} one")
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return _onnx_family(path)
    if suffix not in STATE_SUFFIXES:
        raise WeightsError(f"cannot tell what {path} holds; wanted an .onnx file, or a {', '.join(STATE_SUFFIXES)} one")
    if suffix != ".safetensors" and is_torchscript(path):
        return "torchscript"
    return _state_family(path, read_state(path).keys())


def _state_family(path: Path, names: Collection[str]) -> str:
    for family, marks in _STATES.items():
        if marks <= set(names):
            return family
    found = ", ".join(list(names)[:_SHOWN]) or "none"
    raise WeightsError(f"{path} is no network that livematte knows; its first names are {found}\nWanted one of {', '.join(_STATES)}")


def _onnx_family(path: Path) -> str:
    graph = parse_onnx(path).graph
    if not graph.node:
        raise WeightsError(f"{path} is damaged or holds no network; fetch or export it anew")
    if {port.name for port in graph.input} >= _RVM_PORTS:
        return "rvm-resnet50" if _widest(graph) == 2048 else "rvm-mobilenetv3"
    if any(tensor.name.startswith("f_branch.") for tensor in graph.initializer):
        return "modnet"
    return "onnx"


def _widest(graph: Any) -> int:
    """The most channels that a convolution of the graph makes: 960 by MobileNetV3-Large, 2048 by ResNet-50."""
    return max((tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 4), default=0)
