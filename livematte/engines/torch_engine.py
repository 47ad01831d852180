"""RVM in PyTorch, on whatever device PyTorch has."""

from pathlib import Path

import numpy as np
import torch

from livematte import weights
from livematte.engines import Floats, check_picture
from livematte.errors import EngineError, WeightsError
from livematte.networks.rvm import RVM, Recurrent

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# What each kind of device computes at a useful speed; the first is its "auto".
PRECISIONS = {"cuda": ("fp16", "fp32", "bf16"), "mps": ("fp16", "fp32"), "xpu": ("fp32", "fp16", "bf16"), "cpu": ("fp32", "bf16")}


class TorchEngine:
    """An Engine. The state stays on the device; only pictures and coefficients travel."""

    name = "torch"

    def __init__(self, path: Path, *, device: str, precision: str, threads: int) -> None:
        self._device = _pick_device(device)
        self.device = str(self._device)
        self.precision = _pick_precision(self._device.type, precision)
        self.threads = threads
        torch.set_num_threads(threads)
        self._dtype = DTYPES[self.precision]
        # Channels last: half the time at 512x288 on two cores.
        net = _network(path).to(self._device, self._dtype)
        self._net: RVM | None = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    @property
    def describe(self) -> str:
        return f"torch on {self.device}, {self.precision}, {self.threads} threads"

    @torch.inference_mode()
    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        check_picture(src_sm)
        assert self._net is not None, "run after close"
        assert rec is None or isinstance(rec, Recurrent)
        src = torch.from_numpy(src_sm)[None].to(self._device, self._dtype, memory_format=torch.channels_last)
        if rec is not None and rec.r1.shape[-2:] != (-(-src.shape[-2] // 2), -(-src.shape[-1] // 2)):
            raise ValueError(f"got a picture of {tuple(src_sm.shape)} with the state of another size; wanted rec None")
        coef, rec = self._net.coefficients(src, rec)
        return np.ascontiguousarray(coef[0].float().cpu().numpy()), rec

    def close(self) -> None:
        self._net = None


def present_devices() -> list[str]:
    """The kinds of device torch can use here, the preferred first; "cpu" always ends the list."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "xpu": torch.xpu.is_available(), "cpu": True}
    return [kind for kind, here in there.items() if here]


def _pick_device(wanted: str) -> torch.device:
    present = present_devices()
    if wanted == "auto":
        wanted = present[0]
    device = torch.device(wanted)
    if device.type not in present:
        raise EngineError(
            f"got device {wanted}, but torch {torch.__version__} finds none here; wanted one of: {', '.join(present)}\n"
            f"Try --device {present[0]}, or install a torch made for {device.type}"
        )
    count = torch.get_device_module(device).device_count()
    if (device.index or 0) >= count:
        raise EngineError(f"got device {wanted}, but there are {count} of that kind; try --device {device.type}:{count - 1}")
    return torch.device(device.type, device.index or 0) if device.type in ("cuda", "xpu") else device


def _pick_precision(kind: str, wanted: str) -> str:
    has = PRECISIONS[kind]
    if wanted == "auto":
        return has[0]
    if wanted not in has:
        raise EngineError(f"got precision {wanted}, which {kind} does not have; wanted one of: {', '.join(has)}")
    return wanted


def _network(path: Path) -> RVM:
    net = RVM().eval()
    try:
        net.load_state_dict(weights.load(path))
    except RuntimeError as error:
        raise WeightsError(f"{path} holds another network ({str(error).splitlines()[-1].strip()}); wanted RVM mobilenetv3") from error
    return net
