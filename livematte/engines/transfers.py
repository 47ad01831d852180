"""Pictures to a device and back. On CUDA through pinned memory, from which the card copies by itself beside its arithmetic.

torch keeps pinned memory for the next of its size, and gives none away that a copy still reads.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_log = logging.getLogger(__name__)
# torch computes with few unsigned types, and on CUDA with fewer: a uint16 travels as the int16 of the same bits.
_DTYPES = {"uint8": torch.uint8, "int16": torch.int16, "float32": torch.float32}


def upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """A copy on the device, made by its current stream; the array may change at once. array: uint8, uint16 (comes as int16) or float32.

    What an array repeats without having it in memory (np.broadcast_to) travels once."""
    once = array[tuple(slice(1) if stride == 0 else slice(None) for stride in array.strides)]
    once = once.view(np.int16) if once.dtype == np.uint16 else once
    host = host_memory(once.shape, _DTYPES[once.dtype.name], device)
    np.copyto(host.numpy(), once)  # whatever its strides, and also where it is read-only
    return host.to(device, non_blocking=True).expand(array.shape)


def download(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    """Copies in memory, once the device's current stream has come so far; int16 comes as uint16. tensors: of one device."""
    hosts = [host_memory(tensor.shape, tensor.dtype, tensor.device).copy_(tensor, non_blocking=True) for tensor in tensors]
    if tensors[0].device.type == "cuda":
        torch.cuda.current_stream(tensors[0].device).synchronize()
    arrays = [host.numpy() for host in hosts]
    return [array.view(np.uint16) if array.dtype == np.int16 else array for array in arrays]


def host_memory(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Memory on this side for copies to and from a device: pinned for a CUDA one, where the system grants it."""
    if device.type == "cuda":
        try:
            return torch.empty(shape, dtype=dtype, pin_memory=True)
        except RuntimeError as error:
            _tell_once(str(error).strip().partition("\n")[0])
    return torch.empty(shape, dtype=dtype)


@cache
def _tell_once(reason: str) -> None:
    _log.warning("no pinned memory is to be had, copies to and from the device are slower: %s", reason)
