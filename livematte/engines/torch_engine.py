"""RVM in PyTorch, on whatever device PyTorch has."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from livematte import weights
from livematte.engines import Floats, check_picture
from livematte.engines.cuda_graphs import Graphs, Step
from livematte.engines.transfers import download, upload
from livematte.errors import EngineError, WeightsError
from livematte.networks.rvm import RVM, Recurrent
from livematte.networks.rvm_variants import variant_of

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# What each kind of device computes at a useful speed; the first is its "auto".
PRECISIONS = {"cuda": ("fp16", "fp32", "bf16"), "mps": ("fp16", "fp32"), "xpu": ("fp32", "fp16", "bf16"), "cpu": ("fp32", "bf16")}
# What torch and the libraries that it calls say when a device's memory is spent.
_OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED")


class TorchEngine:
    """An Engine. The state stays on the device; only pictures and coefficients travel, and with run_on_device pictures alone."""

    name = "torch"
    recurrent = parts = True
    channels_last = False

    def __init__(self, path: Path, *, device: str, precision: str, threads: int) -> None:
        self._device = pick_device(device)
        self.device = str(self._device)
        self.precision = pick_precision(self._device.type, precision)
        self.threads = threads
        torch.set_num_threads(threads)
        self._dtype = DTYPES[self.precision]
        net = _network(path).to(self._device, self._dtype)
        # Channels last: half the time at 512x288 on two cores.
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self._net: Step | None = net.coefficients
        self._step: Step | None = Graphs(net.coefficients) if self._device.type == "cuda" else net.coefficients
        self._before: torch.cuda.Event | None = None  # set where the run before ends

    @property
    def describe(self) -> str:
        return f"torch on {self.device}, {self.precision}, {self.threads} threads"

    def run(self, src_sm: Floats, rec: object | None) -> tuple[Floats, object]:
        coef, rec = self.run_on_device(src_sm, rec)
        return download([coef])[0], rec

    @torch.no_grad()  # and not in inference mode, whose states nobody else may write to
    def run_on_device(self, src_sm: Floats, rec: object | None) -> tuple[Tensor, object]:
        """run() without the way back: coef (8, h, w) float32 on the device, where its current stream is still computing it.

        At most this run and the one before are under way when it returns, so the time from one call to the next is what a run takes.
        EngineError: the device's memory is spent."""
        check_picture(src_sm)
        assert self._step is not None, "run after close"
        assert rec is None or isinstance(rec, Recurrent)
        height, width = src_sm.shape[1:]
        if rec is not None and rec.r1.shape[-2:] != (-(-height // 2), -(-width // 2)):
            raise ValueError(f"got a picture of {tuple(src_sm.shape)} with the state of another size; wanted rec None")
        with memory_errors(self.device, (width, height), hint="a smaller --detail", forget=self._forget), on_device(self._device):
            # Channels last in memory as well where the picture is made that way: then the copy is a straight one.
            src = upload(src_sm.transpose(1, 2, 0), self._device).permute(2, 0, 1)[None]
            coef, rec = self._step(src.to(self._dtype, memory_format=torch.channels_last), rec)
            coef = coef[0].float().contiguous()
            self._keep_pace()
        return coef, rec

    @torch.no_grad()
    def run_many(self, pictures: Sequence[Floats], recs: Sequence[object] | None) -> list[tuple[Tensor, object]]:
        """run_on_device for pictures of one size that have nothing to do with each other, in one call. recs: None starts all of them."""
        for picture in pictures:
            check_picture(picture)
        assert self._net is not None, "run after close"
        height, width = pictures[0].shape[1:]
        with memory_errors(self.device, (width, height), hint="a smaller --detail", forget=self._forget), on_device(self._device):
            src = torch.stack([upload(picture.transpose(1, 2, 0), self._device) for picture in pictures]).permute(0, 3, 1, 2)
            rec = None if recs is None else Recurrent(*(torch.cat(states) for states in zip(*cast(Sequence[Recurrent], recs), strict=True)))
            coef, rec = self._net(src.to(self._dtype, memory_format=torch.channels_last), rec)
            coefs = coef.float().contiguous()
            # States are written to, each by its own picture.
            return [(coefs[i], Recurrent(*(state[i : i + 1].clone() for state in rec))) for i in range(len(pictures))]

    def ready(self, height: int, width: int) -> bool:
        return True

    @property
    def making(self) -> bool:
        return False

    def close(self) -> None:
        self._net = self._step = self._before = None

    def _keep_pace(self) -> None:
        """Waits for the run before. While the caller makes the next picture the device still has this one to do; but a device slower than
        the pictures come must be felt, or they would pile up before it without end."""
        if self._device.type == "cuda":
            here = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            here.record()
            if self._before is not None:
                self._before.synchronize()
            self._before = here

    def _forget(self) -> None:
        if isinstance(self._step, Graphs):
            self._step.forget()


def present_devices() -> list[str]:
    """The kinds of device torch can use here, the preferred first; "cpu" always ends the list."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "xpu": torch.xpu.is_available(), "cpu": True}
    return [kind for kind, here in there.items() if here]


def pick_device(wanted: str) -> torch.device:
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


def pick_precision(kind: str, wanted: str) -> str:
    has = PRECISIONS[kind]
    if wanted == "auto":
        return has[0]
    if wanted not in has:
        raise EngineError(f"got precision {wanted}, which {kind} does not have; wanted one of: {', '.join(has)}")
    return wanted


def on_device(device: torch.device) -> AbstractContextManager[object]:
    """Makes it the one that "cuda" without a number means, and so the one whose stream is the current one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def memory_errors(device: str, size: tuple[int, int], *, hint: str, forget: Callable[[], object] = lambda: None) -> Iterator[None]:
    """EngineError where the device's memory is spent within; what the run had taken is given back. size: of the picture, (width, height).
    hint: what to try. forget: lets go of what is kept for later runs."""
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in _OUT_OF_MEMORY):
            raise
        traceback.clear_frames(error.__traceback__)  # on which its pictures hang
        forget()
        torch.cuda.empty_cache()
        raise EngineError(f"out of memory on {device} at a picture of {size[0]}x{size[1]}; try {hint}") from error


def _network(path: Path) -> RVM:
    state = weights.load(path)
    variant = variant_of(state)
    net = RVM(variant).eval()
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"{path} holds another network ({str(error).splitlines()[-1].strip()}); wanted RVM {variant}") from error
    return net
