"""Encoders: what each is called, how it is asked for good quality, and which pixel formats it is given.

Defaults were measured on 720p and 540p clips, two threads: libx264 crf 18 veryfast 51 dB · libx265 crf 20 superfast 49 dB, a third
quicker than veryfast · libsvtav1 crf 28 preset 10 48.5 dB · VP9 crf 24 realtime 50 dB, alpha within 3/255 · prores_aw 64 dB and
alpha within 0.2/255 against 66 dB and 0.05/255 of prores_ks, in half the time and in the same size.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

from livematte.errors import SinkError
from livematte.frame import PixelFormat, pixel_format

# An encoder's threads: the network wants the cores more.
ENCODER_THREADS = 2


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoder. encoder: libav's name. family: the codec that players know.

    shallow, deep: pixel formats for sources of 8 bits and of more. quality, preset: the names of the options that --crf and --preset
    set ("" = it has none). tag: the container's four letters, where players want others than libav's. even: it takes no odd width or
    height. interlaced: it can mark fields. full_range: it can say that it is full range."""

    encoder: str
    family: str
    shallow: str = "yuv420p"
    deep: str = "yuv420p10le"
    quality: str = ""
    preset: str = ""
    options: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    alpha: bool = False
    even: bool = False
    interlaced: bool = False
    full_range: bool = True


_X264 = {"crf": "18", "preset": "veryfast"}
_X265 = {"crf": "20", "preset": "superfast", "x265-params": "log-level=error"}
_SVT = {"crf": "28", "preset": "10"}
# Frames that are never shown (alt-ref) break libvpx's pairing of colour and alpha.
_VP9 = {"crf": "24", "deadline": "realtime", "cpu-used": "6", "row-mt": "1", "tile-columns": "2", "auto-alt-ref": "0"}
_PRORES = {"vendor": "apl0"}  # some editors refuse other makers' ProRes
_FFV1 = {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"}
_NVENC = {"preset": "p5", "rc": "vbr", "cq": "20"}
_AMF = {"rc": "cqp", "qp_i": "20", "qp_p": "22"}
_QSV = {"global_quality": "20"}
_APPLE = {"flags": "+qscale", "global_quality": str(65 * 118)}  # 118: libav's steps per unit of its quality scale
TABLE = (  # the first of a family is what the family's name asks for
    Codec("libx264", "h264", deep="yuv420p", quality="crf", preset="preset", options=_X264, even=True, interlaced=True),
    Codec("libx265", "hevc", quality="crf", preset="preset", options=_X265, tag="hvc1", even=True),
    Codec("libsvtav1", "av1", quality="crf", preset="preset", options=_SVT),
    Codec("libvpx-vp9", "vp9", deep="yuv420p", quality="crf", preset="cpu-used", options=_VP9, alpha=True),
    Codec("prores_aw", "prores", options=_PRORES, alpha=True, even=True, interlaced=True, full_range=False),
    Codec("prores_ks", "prores", options=_PRORES, alpha=True, interlaced=True, full_range=False),
    Codec("qtrle", "qtrle", shallow="rgb24", deep="rgb24", alpha=True),
    Codec("ffv1", "ffv1", options=_FFV1, alpha=True, interlaced=True),
    Codec("rawvideo", "rawvideo", deep="yuv420p", alpha=True, full_range=False),
    Codec("h264_nvenc", "h264", deep="yuv420p", quality="cq", preset="preset", options=_NVENC, even=True),
    Codec("hevc_nvenc", "hevc", deep="p010le", quality="cq", preset="preset", options=_NVENC, tag="hvc1", even=True),
    Codec("av1_nvenc", "av1", deep="p010le", quality="cq", preset="preset", options=_NVENC, even=True),
    Codec("h264_qsv", "h264", "nv12", "nv12", quality="global_quality", preset="preset", options=_QSV, even=True),
    Codec("hevc_qsv", "hevc", "nv12", "p010le", quality="global_quality", preset="preset", options=_QSV, tag="hvc1", even=True),
    Codec("av1_qsv", "av1", "nv12", "p010le", quality="global_quality", preset="preset", options=_QSV, even=True),
    Codec("h264_amf", "h264", "nv12", "nv12", quality="qp_i", preset="quality", options=_AMF, even=True),
    Codec("hevc_amf", "hevc", "nv12", "p010le", quality="qp_i", preset="quality", options=_AMF, tag="hvc1", even=True),
    Codec("h264_videotoolbox", "h264", "nv12", "nv12", options=_APPLE, even=True),
    Codec("hevc_videotoolbox", "hevc", "nv12", "p010le", options=_APPLE, tag="hvc1", even=True),
)


def named(name: str, families: Collection[str]) -> list[Codec]:
    """The codecs that --codec `name` may mean, a family or one encoder, among `families`; the one to prefer first."""
    return [codec for codec in TABLE if codec.family in families and name in (codec.family, codec.encoder)]


def names(families: Collection[str]) -> list[str]:
    """What --codec takes among `families`."""
    return list(dict.fromkeys([*families, *(codec.encoder for codec in TABLE if codec.family in families)]))


def find(name: str, families: Collection[str], *, odd: bool = False) -> Codec:
    """The codec that `name` asks for; one that takes odd sizes if there is such a one. Raises SinkError if libav has no encoder for it."""
    wanted = named(name, families)
    ready = [codec for codec in wanted if has_encoder(codec.encoder)]
    if ready:
        return next((codec for codec in ready if not (odd and codec.even)), ready[0])
    here = [codec.encoder for codec in TABLE if codec.family in families and has_encoder(codec.encoder)]
    raise SinkError(f"--codec {name}: there is no encoder {wanted[0].encoder} here; there are {', '.join(here) or 'none for this file'}")


@lru_cache(maxsize=64)
def has_encoder(name: str) -> bool:
    """Whether this libav was built with it; a hardware encoder may still refuse to start."""
    import av

    try:
        av.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


def pixels_for(codec: Codec, frame: PixelFormat, *, alpha: bool) -> str:
    """The pixel format in which `codec` gets frames of format `frame`: one that it takes and that keeps most of them."""
    if codec.family == "ffv1":
        return _lossless(frame, alpha)
    if codec.family == "prores":
        return "yuva444p10le" if alpha else "yuv444p10le" if frame.sub == (1, 1) and frame.family != "gray" else "yuv422p10le"
    if alpha:
        return {"vp9": "yuva420p", "qtrle": "argb", "rawvideo": "yuva420p"}[codec.family]
    return codec.shallow if frame.bits == 8 else codec.deep


def _lossless(frame: PixelFormat, alpha: bool) -> str:
    """FFV1's format with the frame's own samples: with alpha, grey gets neutral chroma, and what has no form with alpha the next larger."""
    family = "gbr" if frame.family == "gbr" else "gray" if frame.family == "gray" and not alpha else "yuv"
    if family == "gbr" and frame.bits == 8:
        return "bgra" if alpha else "bgr0"  # FFV1 has 8-bit R'G'B' only interleaved
    across, down = (2, 2) if frame.family == "gray" else frame.sub
    own = {(2, 2): "420", (2, 1): "422", (1, 1): "444", (1, 2): "440", (4, 1): "411", (4, 4): "410"}[across, down]
    stems = [f"yuv{'a' if alpha else ''}{sub}p" for sub in (own, "444")] if family == "yuv" else [_STEMS[family, alpha]]
    forms = [f"{stem}{bits}" for stem in stems for bits in ("", "9le", "10le", "12le", "14le", "16le")]
    taken = _ffv1_formats()
    return next(form for form in forms if form in taken and _depth(form) >= frame.bits)


_STEMS = {("gbr", False): "gbrp", ("gbr", True): "gbrap", ("gray", False): "gray"}


def _depth(name: str) -> int:
    known = pixel_format(name)
    return known[0].bits if known else 0


@lru_cache(maxsize=1)
def _ffv1_formats() -> frozenset[str]:
    import av

    return frozenset(f.name for f in av.Codec("ffv1", "w").video_formats or ())
