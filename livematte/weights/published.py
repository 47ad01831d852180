"""A checkpoint as its author published it: tensors only, by the author's names, compared with what the network wants.

Read are PyTorch's files with weights_only=True (a pickle with code in it is refused, unrun) and, where the package is installed,
safetensors. What training wrapped around the names is taken off: {"state_dict": …} and DataParallel's `module.`.
"""

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TypeVar

from livematte.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Net = TypeVar("Net", bound="Module")
STATE_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
_COUNTER = ".num_batches_tracked"  # of a batch norm; older files lack it, and running a network never reads it
_SHOWN = 3  # names in a message


def published(path: Path, wanted: Mapping[str, tuple[int, ...]], *, what: str) -> "dict[str, Tensor]":
    """The network's tensors, float32, ready for a strict load_state_dict: the names of `wanted`, no more and no less.

    wanted: the shape by each name (`shapes_of`). what: the network as a person calls it, for messages. WeightsError: absent, damaged,
    with code in it, or another network's; it names what is missing, what is too much and what has another shape."""
    state = read_state(path)
    complaints = list(_complaints(state, wanted))
    if complaints:
        raise WeightsError(f"{path} holds another network: {'; '.join(complaints)}\nWanted {what} by its author's names")
    return {name: state[name] if name in state else _counter() for name in wanted}


def filled(net: Net, path: Path, *, what: str) -> Net:
    """The network with the checkpoint's numbers, in eval(). Errors as of `published`."""
    net.load_state_dict(published(path, shapes_of(net.state_dict()), what=what))
    return net.eval()


def shapes_of(state: "Mapping[str, Tensor]") -> dict[str, tuple[int, ...]]:
    """A network's state_dict as `published` wants it described."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def read_state(path: Path) -> "dict[str, Tensor]":
    """The file's tensors by their names, unwrapped, floats as float32 on the CPU. WeightsError as for `published`."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; wanted a {', '.join(STATE_SUFFIXES)} file")
    state = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_pickle(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    _check_tensors(path, state)
    cut = len("module.") if state and all(name.startswith("module.") for name in state) else 0
    return {name[cut:]: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def is_torchscript(path: Path) -> bool:
    """Whether the file is a program saved by torch.jit: a zip with code beside its tensors."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(member.endswith("/constants.pkl") or "/code/" in member for member in archive.namelist())
    except Exception:  # noqa: BLE001 - whatever a damaged zip makes Python raise: what it is then, who reads it tells
        return False


def _read_pickle(path: Path) -> Any:
    import torch

    if is_torchscript(path):
        raise WeightsError(f"{path} is a TorchScript program; wanted a state dict of tensors (a program is run as it is: --model FILE)")
    try:
        with warnings.catch_warnings(action="ignore"):  # of old formats
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(f"{path} is damaged, or has code in it and is refused; wanted a state dict of tensors") from error
    except PermissionError as error:
        raise WeightsError(f"{path} may not be read: {error.strerror}; check its permissions") from error
    except Exception as error:  # whatever the reading of a damaged pickle makes PyTorch raise, in words for its developers
        raise WeightsError(f"{path} is damaged or cut off, or no state dict of tensors; fetch or export it anew") from error


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise WeightsError(f"reading {path} needs the package safetensors; try: pip install safetensors") from error
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({error}); fetch or export it anew") from error


def _check_tensors(path: Path, state: Any) -> None:
    import torch

    fits = isinstance(state, dict) and all(isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items())
    if not fits:
        raise WeightsError(f"{path} holds a {type(state).__name__} of other things; wanted a state dict of tensors")


def _complaints(state: "Mapping[str, Tensor]", wanted: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    missing = [name for name in wanted if name not in state and not name.endswith(_COUNTER)]
    extra = [name for name in state if name not in wanted and not name.endswith(_COUNTER)]
    common = [(name, tuple(state[name].shape), shape) for name, shape in wanted.items() if name in state]
    reshaped = [f"{name} {_by(got)} instead of {_by(shape)}" for name, got, shape in common if got != shape]
    for names, fault in ((missing, "missing"), (extra, "too many"), (reshaped, "of another shape")):
        if names:
            yield f"{len(names)} {fault} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _counter() -> "Tensor":
    import torch

    return torch.zeros((), dtype=torch.int64)
