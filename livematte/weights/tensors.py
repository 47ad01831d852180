"""RVM's tensors by the names of networks/rvm.py, of either encoder; batch norm folded into the convolution before it:

y = γ·(conv(x) - μ)/√(σ² + ε) + β  is a convolution with weight W·γ/√(σ² + ε) and bias β - μ·γ/√(σ² + ε).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import WeightsError
from livematte.weights.published import STATE_SUFFIXES, read_state

if TYPE_CHECKING:
    from torch import Tensor

Arrays = dict[str, NDArray[np.float32]]
_SQUEEZED = (4, 5, 6, 11, 12, 13, 14, 15)  # MobileNetV3-Large's blocks with squeeze-excite
_DEPTHS = (3, 4, 6, 3)  # ResNet-50's blocks in each of its four layers


def load(path: Path) -> "dict[str, Tensor]":
    """`arrays` as the tensors that RVM.load_state_dict takes."""
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays(path).items()}


def arrays(path: Path) -> Arrays:
    """The network's numbers, float32, by their published names; of an .onnx file without importing torch.

    path: the released .onnx, or a checkpoint with the author's key names, norms folded or not; the head that only training uses is left
    out. WeightsError: absent, damaged, of another network, or with code in it."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; wanted an .onnx or .pth file")
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return _from_onnx(path)
    if suffix in STATE_SUFFIXES:
        return _from_state(path)
    raise WeightsError(f"cannot read weights from {path}; wanted an .onnx or .pth file")


def parse_onnx(path: Path) -> Any:
    """The file as an onnx.ModelProto. WeightsError if it is damaged or no such file."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise WeightsError(f"{path} is damaged or no ONNX file; fetch or export it anew") from error


def read_onnx(path: Path) -> Any:
    """`parse_onnx` of a file that has its tensors in it. WeightsError if it has not."""
    model = parse_onnx(path)
    tensors = model.graph.initializer
    if not tensors or any(tensor.external_data for tensor in tensors):
        raise WeightsError(f"{path} holds no tensors; wanted an ONNX file with its weights inside")
    return model


def _from_onnx(path: Path) -> Arrays:
    """The exporter numbered the folded convolutions, in the order of the graph; the others kept their names."""
    graph = read_onnx(path).graph
    convolutions = dict.fromkeys(tuple(node.input[1:]) for node in graph.node if node.op_type == "Conv")
    numbered = [inputs for inputs in convolutions if len(inputs) == 2 and inputs[0].removeprefix("onnx::Conv_").isdecimal()]
    names = next((names for names in map(list, _FOLDED.values()) if len(names) == len(numbered)), None)
    if names is None:
        counts = " or ".join(f"{len(names)} ({encoder})" for encoder, names in _FOLDED.items())
        raise WeightsError(f"{path} holds another network; wanted RVM with its {counts} folded convolutions")
    renamed: dict[str, str] = {}
    for (weight, bias), name in zip(numbered, names, strict=True):
        renamed |= {weight: f"{name}.weight", bias: f"{name}.bias"}
    wanted = {tensor: renamed.get(tensor, tensor) for inputs in convolutions for tensor in inputs}
    return {wanted[tensor.name]: _array(tensor, path) for tensor in graph.initializer if tensor.name in wanted}


def _array(proto: Any, path: Path) -> NDArray[np.float32]:
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(proto).astype(np.float32)
    except ValueError as error:
        raise WeightsError(f"{path} is damaged: {proto.name} is not {list(proto.dims)}; fetch or export it anew") from error


def _mobilenet_names() -> Iterator[str]:
    yield "backbone.features.0.0"
    for block in range(1, 16):
        parts = (0, 1) if block == 1 else (0, 1, 3) if block in _SQUEEZED else (0, 1, 2)
        yield from (f"backbone.features.{block}.block.{part}.0" for part in parts)
    yield "backbone.features.16.0"


def _resnet_names() -> Iterator[str]:
    """A block's projection comes last: the sum is what asks for it."""
    yield "backbone.conv1"
    for layer, depth in enumerate(_DEPTHS, 1):
        for block in range(depth):
            parts = ("conv1", "conv2", "conv3", "downsample.0") if block == 0 else ("conv1", "conv2", "conv3")
            yield from (f"backbone.layer{layer}.{block}.{part}" for part in parts)


def _decoder_names() -> Iterator[str]:
    yield "aspp.aspp1.0"
    yield from (f"decoder.decode{scale}.conv.0" for scale in (3, 2, 1, 0))
    yield from ("decoder.decode0.conv.3", "refiner.conv.0", "refiner.conv.3")


# RVM's convolutions that a norm follows, in the order in which a frame meets them, by encoder.
_FOLDED = {
    "mobilenetv3": (*_mobilenet_names(), *_decoder_names()),
    "resnet50": (*_resnet_names(), *_decoder_names()),
}


def _from_state(path: Path) -> Arrays:
    state = {key: value.float().numpy() for key, value in read_state(path).items() if not key.startswith("project_seg.")}
    encoder = "resnet50" if "backbone.conv1.weight" in state else "mobilenetv3"
    try:
        for name in _FOLDED[encoder]:
            if f"{name}.bias" not in state:
                _fold(state, name, eps=1e-3 if name.startswith("backbone.features.") else 1e-5)  # MobileNetV3's own; PyTorch's default
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} holds another network (no fitting {error}); wanted RVM {encoder} by its published names") from error
    return state


def _fold(state: Arrays, conv: str, *, eps: float) -> None:
    """In place. The norm `a.1` follows the convolution `a.0`, and `a.bn2` `a.conv2`."""
    parent, last = conv.rsplit(".", 1)
    norm = f"{parent}.{int(last) + 1}" if last.isdecimal() else f"{parent}.{last.replace('conv', 'bn')}"
    gain = state.pop(f"{norm}.weight") / np.sqrt(state.pop(f"{norm}.running_var") + np.float32(eps))
    state[f"{conv}.weight"] = state[f"{conv}.weight"] * gain.reshape(-1, 1, 1, 1)
    state[f"{conv}.bias"] = state.pop(f"{norm}.bias") - state.pop(f"{norm}.running_mean") * gain
    state.pop(f"{norm}.num_batches_tracked", None)
