"""A file's tensors by the names of networks/rvm.py; batch norm folded into the convolution before it:

y = γ·(conv(x) - μ)/√(σ² + ε) + β  is a convolution with weight W·γ/√(σ² + ε) and bias β - μ·γ/√(σ² + ε).
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

Arrays = dict[str, NDArray[np.float32]]
_SQUEEZED = (4, 5, 6, 11, 12, 13, 14, 15)  # MobileNetV3-Large's blocks with squeeze-excite


def load(path: Path) -> "dict[str, Tensor]":
    """`arrays` as the tensors that RVM.load_state_dict takes."""
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays(path).items()}


def arrays(path: Path) -> Arrays:
    """The network's numbers, float32, by their published names; of an .onnx file without importing torch.

    path: the released .onnx, or a .pth with the author's key names, norms folded or not; the head that only training uses is left
    out. WeightsError: absent, damaged, of another network, or with code in it."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; wanted an .onnx or .pth file")
    if path.suffix == ".onnx":
        return _from_onnx(path)
    if path.suffix == ".pth":
        return _from_pth(path)
    raise WeightsError(f"cannot read weights from {path}; wanted an .onnx or .pth file")


def read_onnx(path: Path) -> Any:
    """The file as an onnx.ModelProto with its tensors in it. WeightsError if it is damaged or no such file."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise WeightsError(f"{path} is damaged or no ONNX file; fetch or export it anew") from error
    tensors = model.graph.initializer
    if not tensors or any(tensor.external_data for tensor in tensors):
        raise WeightsError(f"{path} holds no tensors; wanted an ONNX file with its weights inside")
    return model


def _from_onnx(path: Path) -> Arrays:
    """The exporter numbered the folded convolutions, in the order of the graph; the others kept their names."""
    graph = read_onnx(path).graph
    convolutions = dict.fromkeys(tuple(node.input[1:]) for node in graph.node if node.op_type == "Conv")
    numbered = [inputs for inputs in convolutions if len(inputs) == 2 and inputs[0].isdecimal()]
    names = list(_folded_names())
    if len(numbered) != len(names):
        raise WeightsError(f"{path} holds another network; wanted RVM mobilenetv3 with its {len(names)} folded convolutions")
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


def _folded_names() -> Iterator[str]:
    """RVM's convolutions that a norm follows, in the order in which a frame meets them."""
    yield "backbone.features.0.0"
    for block in range(1, 16):
        parts = (0, 1) if block == 1 else (0, 1, 3) if block in _SQUEEZED else (0, 1, 2)
        yield from (f"backbone.features.{block}.block.{part}.0" for part in parts)
    yield from ("backbone.features.16.0", "aspp.aspp1.0")
    yield from (f"decoder.decode{scale}.conv.0" for scale in (3, 2, 1, 0))
    yield from ("decoder.decode0.conv.3", "refiner.conv.0", "refiner.conv.3")


def _from_pth(path: Path) -> Arrays:
    state = {key: value.float().numpy() for key, value in _read_pth(path).items() if not key.startswith("project_seg.")}
    try:
        for name in _folded_names():
            if f"{name}.bias" not in state:
                _fold(state, name)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} holds another network (no fitting {error}); wanted RVM mobilenetv3 by its published names") from error
    return state


def _read_pth(path: Path) -> "dict[str, Tensor]":
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # a TorchScript archive is warned of, then refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(f"{path} is damaged, or has code in it and is refused; wanted a state dict of tensors") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise WeightsError(f"{path} is damaged or no state dict ({reason}); wanted a state dict of tensors") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds a {type(state).__name__} of other things; wanted a state dict of tensors")
    return state


def _fold(state: Arrays, conv: str) -> None:
    """In place. The norm `a.1` follows the convolution `a.0`."""
    parent, index = conv.rsplit(".", 1)
    norm = f"{parent}.{int(index) + 1}"
    eps = 1e-3 if norm.startswith("backbone.") else 1e-5  # MobileNetV3's own; PyTorch's default elsewhere
    gain = state.pop(f"{norm}.weight") / np.sqrt(state.pop(f"{norm}.running_var") + np.float32(eps))
    state[f"{conv}.weight"] = state[f"{conv}.weight"] * gain.reshape(-1, 1, 1, 1)
    state[f"{conv}.bias"] = state.pop(f"{norm}.bias") - state.pop(f"{norm}.running_mean") * gain
    state.pop(f"{norm}.num_batches_tracked", None)
