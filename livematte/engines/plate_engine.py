"""Background Matting V2 in PyTorch: a frame and the clean plate behind it to alpha and foreground colour, at the frame's own size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livematte.engines import Floats, available_cores, check_picture
from livematte.engines.torch_engine import DTYPES, memory_errors, on_device, pick_device, pick_precision
from livematte.engines.transfers import download, upload
from livematte.errors import WeightsError
from livematte.networks.bgm import BACKBONES, STEP, BackgroundMatting
from livematte.networks.norms import fold
from livematte.weights.families import family_of
from livematte.weights.published import published, shapes_of


class Plan(NamedTuple):
    """What the network is told for a size of frame."""

    backbone_scale: float
    sample_pixels: int


class PlateEngine:
    """net: an author's .pth, or a network that is called as BackgroundMatting is, which then belongs to the engine. There is no state: a
    frame and its plate are all that is looked at.

    device, precision and threads are as for open_engine. refine: "sampling" costs the same for each frame; "thresholding", for stills,
    goes over all that may be off. WeightsError: another network's file, or a damaged one. EngineError: a device that is not here."""

    name = "torch"

    takes_plate = True  # what tells it from an Engine

    def __init__(
        self, net: Path | nn.Module, *, device: str = "auto", precision: str = "auto", threads: int | None = None, refine: str = "sampling"
    ) -> None:
        self._device = pick_device(device)
        self.device = str(self._device)
        self.precision = pick_precision(self._device.type, precision)
        self.threads = threads or available_cores()
        torch.set_num_threads(self.threads)
        self._dtype, self._refine = DTYPES[self.precision], refine
        made = net if isinstance(net, nn.Module) else load(net)
        made = made.eval().to(self._device, self._dtype)
        self._net: Any = made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it

    @property
    def describe(self) -> str:
        return f"torch on {self.device}, {self.precision}, {self.threads} threads"

    @torch.inference_mode()
    def run(self, src: Floats, bgr: Floats) -> tuple[Floats, Floats]:
        """src, bgr: (3, H, W) float32 in [0, 1], RGB, of one size, whatever it is. Gives pha (H, W) and fgr (3, H, W), straight, float32 in
        [0, 1]. ValueError: a wrong shape or dtype. EngineError: the device's memory is spent."""
        for picture in (src, bgr):
            check_picture(picture)
        if src.shape != bgr.shape:
            raise ValueError(f"got a picture of {src.shape} and a plate of {bgr.shape}, wanted one size")
        assert self._net is not None, "run after close"
        height, width = src.shape[1:]
        with memory_errors(self.device, (width, height), hint="smaller frames, or --device cpu"), on_device(self._device):
            pha, fgr = self._net(self._tensor(src), self._tensor(bgr), refine=self._refine, **plan(height, width)._asdict())[:2]
            pha, fgr = download([pha[0, 0, :height, :width].float(), fgr[0, :, :height, :width].float()])
        return pha, fgr

    def close(self) -> None:
        """Frees the memory; the engine is of no use afterwards."""
        self._net = None

    def _tensor(self, picture: Floats) -> Tensor:
        """(1, 3, h, w) on the device, its sides made multiples of 4 by repeating the last row and column."""
        height, width = picture.shape[1:]
        there = upload(picture.transpose(1, 2, 0), self._device).permute(2, 0, 1)[None].to(self._dtype)
        padded = F.pad(there, (0, -width % STEP, 0, -height % STEP), mode="replicate")
        return padded.to(memory_format=torch.channels_last)


def plan(height: int, width: int) -> Plan:
    """Its author's settings: HD, also 720p, at 1/4 with 80 000 pixels refined, 4K at 1/8 with 320 000. Frames smaller than these are seen
    by the base network as 720p is, at 320 pixels on the longest side, as far as 1/2, the most that it takes, allows."""
    longest = max(height, width)
    if longest > 2560:
        return Plan(1 / 8, 320_000)
    return Plan(min(1 / 2, max(1 / 4, 320 / longest)), 80_000)


def load(path: Path) -> BackgroundMatting:
    """The network of an author's checkpoint, its norms folded. WeightsError: another network's, or damaged."""
    family = family_of(path)
    backbone = family.removeprefix("bgm-")
    if backbone not in BACKBONES:
        raise WeightsError(f"{path} holds another network ({family}); wanted Background Matting V2's .pth by its author's names")
    net = BackgroundMatting(backbone).eval()
    net.load_state_dict(published(path, shapes_of(net.state_dict()), what=f"Background Matting V2 {backbone}"))
    fold(net)
    return net
