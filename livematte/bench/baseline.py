"""What livematte is compared with: the usual loop. One thread of control decodes a frame, makes it full-size RGB floats, runs the same
network as TorchScript, blends in floats, and encodes.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor, nn

from livematte import weights
from livematte.engines import available_cores
from livematte.matting.recurrent import AUTO_DETAIL
from livematte.networks.rvm import RVM, Recurrent
from livematte.sinks.encoder import Plan

Script = Callable[..., tuple[Tensor, ...]]


class _Step(nn.Module):
    """RVM with its state as plain tensors, which is what tracing takes."""

    def __init__(self, net: RVM, ratio: float) -> None:
        super().__init__()
        self._net, self._ratio = net, ratio

    def forward(self, src: Tensor, r1: Tensor, r2: Tensor, r3: Tensor, r4: Tensor) -> tuple[Tensor, ...]:
        fgr, pha, rec = self._net(src, Recurrent(r1, r2, r3, r4), downsample_ratio=self._ratio)
        return fgr, pha, *rec


class Loop:
    """The loop for clips of one size. plan: how the sink would encode, so that both encode alike. device: "cpu", or "cuda:0" and its like,
    where the network runs in half precision, as published."""

    def __init__(self, weights_file: Path, size: tuple[int, int], plan: Plan, *, device: str = "cpu") -> None:
        self._plan, self._size = plan, size
        self._device, self._dtype = torch.device(device), torch.float32 if device == "cpu" else torch.float16
        self._green = torch.tensor([0.0, 1.0, 0.0], device=self._device, dtype=self._dtype).view(1, 3, 1, 1)
        torch.set_num_threads(available_cores())
        self._script, self._start = self._scripted(weights_file, size)

    @torch.inference_mode()
    def run(self, clip: Path, output: Path, frames: int) -> int:
        """Frames done: at most `frames` of the clip."""
        rec, done = self._start, 0
        with av.open(str(clip)) as source, av.open(str(output), "w", format="mp4") as target:
            video = source.streams.video[0]
            video.thread_type = "AUTO"
            encoder = self._encoder(target, video)
            for picture in source.decode(video):
                com, *rec = self._step(picture, rec)
                target.mux(encoder.encode(_picture(com, picture)))
                done += 1
                if done == frames:
                    break
            target.mux(encoder.encode())
        return done

    @torch.inference_mode()
    def network(self, frames: int) -> int:
        """The network alone, on a picture that is where it is wanted."""
        src, rec = self._like(torch.rand(1, 3, *self._size[::-1])), self._start
        for _ in range(frames):
            _, pha, *rec = self._script(src, *rec)
        pha.cpu()  # a GPU is waited for
        return frames

    def _step(self, picture: av.VideoFrame, rec: list[Tensor]) -> list[Tensor]:
        rgb = torch.from_numpy(picture.to_ndarray(format="rgb24"))
        src = self._like(rgb.permute(2, 0, 1)[None].float() / 255)
        fgr, pha, *rec = self._script(src, *rec)
        return [fgr * pha + self._green * (1 - pha), *rec]

    def _like(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, self._dtype)

    def _encoder(self, target: Any, video: Any) -> Any:
        encoder = target.add_stream(self._plan.encoder, rate=video.average_rate, options=self._plan.options)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, self._plan.pixels
        encoder.thread_count, encoder.thread_type = self._plan.threads, "AUTO"
        encoder.time_base = video.time_base
        return encoder

    @torch.inference_mode()
    def _scripted(self, weights_file: Path, size: tuple[int, int]) -> tuple[Script, list[Tensor]]:
        """The network as TorchScript for one size, warmed up, and the state to start from.

        Traced, for torch.jit.script takes no keyword-only arguments with defaults. torch 2.13 calls both deprecated, and runs both."""
        net = RVM().eval()
        net.load_state_dict(weights.load(weights_file))
        net = net.to(self._device, self._dtype)
        src = self._like(torch.rand(1, 3, size[1], size[0]))
        step = _Step(net, min(1.0, AUTO_DETAIL / max(size))).eval()
        rec = [torch.zeros_like(r) for r in net(src, downsample_ratio=step._ratio)[2]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            script: Script = torch.jit.freeze(torch.jit.trace(step, (src, *rec), check_trace=False))  # type: ignore[no-untyped-call]
        for _ in range(3):  # the first runs compile
            script(src, *rec)
        return script, rec


def _picture(com: Tensor, like: av.VideoFrame) -> av.VideoFrame:
    pixels = com[0].mul(255).byte().permute(1, 2, 0).contiguous().cpu().numpy()
    made = av.VideoFrame.from_ndarray(np.asarray(pixels), "rgb24")
    made.pts, made.time_base = like.pts, like.time_base
    return made
