"""`ndi:NAME`: frames over the local network by NDI, with straight alpha, as streaming programs take a cut-out person.

As UYVY, with a plane of alpha behind: what NDI's codec works in. Of R'G'B' its library makes that too, but up to 4/255 too dark. BT.709 at
every size, which is how that library takes it (6.3; its manual says BT.601 for small pictures).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livematte.colour import BT709, Colour
from livematte.errors import SinkError
from livematte.frame import Frame, Size, pixel_format, to_integers
from livematte.pyav import to_av
from livematte.sinks import pixels
from livematte.sinks.base import Device
from livematte.sound import CHANNELS, RATE, Sound

if TYPE_CHECKING:
    from livematte.sources.base import SourceInfo

_PIECE = 480  # samples of sound sent at once; always as many, or cyndilib (0.1.3) tells NDI wrongly where the second channel begins
_COLOUR = b'<ndi_color_info primaries="bt_709" transfer="bt_709" matrix="bt_709"/>'
_AVAHI = Path("/run/avahi-daemon")


class NdiSink(Device):
    """Frames, and sound where there is some, to whoever asks for NAME in the local network; without one, "livematte".

    SinkError where the extra is not installed or NDI does not start."""

    alpha = True

    def __init__(self, spec: str, *, like: SourceInfo) -> None:
        super().__init__(spec)
        self._ndi = _library()
        self._called = spec.partition(":")[2] or "livematte"
        self._rate = like.rate or Fraction(30)
        self._sound = like.sound
        self._rest: NDArray[np.float32] = np.zeros((CHANNELS, 0), np.float32)  # sound for the next piece
        self._sender: Any = None
        self._kind: tuple[Size, bool] | None = None
        if sys.platform == "linux" and not _AVAHI.exists():
            self.notes.append(f"{spec}: no avahi-daemon runs here, so others find it only by this machine's address")

    def send(self, frame: Frame) -> None:
        frame = pixels.even(pixels.square(frame))  # NDI's own 4:2:2 has no odd widths
        had_alpha = self._kind is not None and self._kind[1]
        kind = (frame.size, had_alpha or frame.pha is not None)
        if kind != self._kind:
            self._open(*kind)
        self._sender.write_video_async(_uyvy(frame, alpha=kind[1]))

    def hear(self, sound: Sound) -> None:
        if self._sender is None or not self._sound:
            return
        samples = np.concatenate([self._rest, sound.samples], axis=1)
        whole = samples.shape[1] // _PIECE * _PIECE
        for start in range(0, whole, _PIECE):
            self._sender.write_audio(np.ascontiguousarray(samples[:, start : start + _PIECE]))
        self._rest = samples[:, whole:]

    def _open(self, size: Size, alpha: bool) -> None:
        """A sender for frames of one size, with alpha or without: NDI's cannot change; whoever watches follows to the new one."""
        self.close()
        ndi = self._ndi
        picture = ndi.VideoSendFrame()
        picture.set_resolution(*size)
        picture.set_frame_rate(self._rate)
        picture.set_fourcc(ndi.FourCC.UYVA if alpha else ndi.FourCC.UYVY)
        picture.set_metadata(_COLOUR)
        sender = ndi.Sender(self._called, clock_video=False, clock_audio=False)
        sender.set_video_frame(picture)
        if self._sound:
            sound = ndi.AudioSendFrame(_PIECE)
            sound.sample_rate, sound.num_channels = RATE, CHANNELS
            sender.set_audio_frame(sound)
        try:
            sender.open()
        except Exception as error:
            raise SinkError(f"{self.name}: NDI does not start: {error}") from error
        self._sender, self._kind = sender, (size, alpha)

    def close(self) -> None:
        sender, self._sender, self._kind = self._sender, None, None
        if sender is not None:
            sender.close()


def _uyvy(frame: Frame, *, alpha: bool) -> NDArray[np.uint8]:
    """(bytes,) uint8: 4:2:2 in BT.709, limited range, and where `alpha` the alpha plane behind it. HDR is shown as SDR."""
    if frame.colour.hdr:
        frame = _shown_as_sdr(frame)
    picture = to_av(frame, frame.format.name.replace("gray", "yuv420p")).reformat(  # libswscale takes every grey for full range
        format="uyvy422",
        src_colorspace=frame.colour.matrix_for(frame.size[1]),
        dst_colorspace=BT709,
        src_color_range=2 if frame.full_range else 1,
        dst_color_range=1,
    )
    plane: Any = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : 2 * plane.width]
    if not alpha:
        return np.ascontiguousarray(rows).reshape(-1)
    pha = np.full(rows.shape[0] * plane.width, 255, np.uint8) if frame.pha is None else to_integers(frame.pha * np.float32(255), 8)
    return np.concatenate([rows.reshape(-1), pha.reshape(-1)])


def _shown_as_sdr(frame: Frame) -> Frame:
    known = pixel_format("gbrp")
    assert known is not None
    rgb = pixels.rgba(frame, bits=8)
    planes = tuple(np.ascontiguousarray(rgb[..., i]) for i in (1, 2, 0))
    return replace(frame, planes=planes, format=known[0], colour=Colour())


def _library() -> Any:
    try:
        import cyndilib
    except ImportError as error:
        raise SinkError('NDI needs the package cyndilib, which is not installed\ntry: pip install "livematte[ndi]"') from error
    return cyndilib
