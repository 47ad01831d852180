"""How a clip's frames are encoded into a .mov, .mp4, .webm or .mkv: the codec, its pixel format and its quality, from the first frame."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from livematte.errors import SinkError
from livematte.frame import Frame, Size
from livematte.sinks import codecs, pixels
from livematte.sinks.base import Encoding
from livematte.sinks.codecs import Codec
from livematte.sinks.encoder import Plan
from livematte.sinks.kinds import Kind
from livematte.sinks.tracks import tags

if TYPE_CHECKING:
    import av

    from livematte.sources.base import SourceInfo


def plan_clip(frame: Frame, *, kind: Kind, encoding: Encoding, like: SourceInfo, name: str) -> Plan:
    """The plan for a clip whose first frame is `frame`. Raises SinkError for a frame with alpha where the codec holds none."""
    codec = _codec(frame, kind, encoding)
    alpha = frame.pha is not None
    if alpha and not codec.alpha:
        raise SinkError(f"{name}: {codec.family} in {kind.name} holds no alpha; write .mov, .webm or .mkv, or choose a background")
    squared = not kind.sample_aspect and codec.family not in ("h264", "hevc", "ffv1") and frame.sample_aspect != 1
    field_order = frame.field_order if codec.interlaced and not squared else ""
    name_of_pixels = codecs.pixels_for(codec, frame.format, alpha=alpha)
    draw = _Draw(name_of_pixels, codec, field_order=field_order, squared=squared)
    rate = like.rate or Fraction(25)
    return Plan(
        codec.encoder,
        name_of_pixels,
        draw.size(frame),
        frame.time_base if frame.pts is not None else 1 / rate,
        rate,
        draw,
        options=_options(codec, encoding, name_of_pixels, field_order),
        bitrate=encoding.bitrate,
        threads=codecs.ENCODER_THREADS,
        tag=codec.tag if kind.container in ("mp4", "mov") else "",
        sample_aspect=Fraction(1) if squared else frame.sample_aspect,
        field_order=field_order,
        metadata=tags(like.video_metadata),
        notes=(*_unused(codec, encoding), *_changes(frame, codec, kind, draw)),
    )


def _codec(frame: Frame, kind: Kind, encoding: Encoding) -> Codec:
    """What was asked for, else the container's own; more than 8 bits in .mp4 are HEVC, since 10-bit H.264 plays nearly nowhere."""
    deep = kind.codecs[0] == "h264" and (frame.format.bits > 8 or frame.colour.hdr)
    odd = any(side % 2 for side in frame.size)
    return codecs.find(encoding.codec or ("hevc" if deep else kind.codecs[0]), kind.codecs, odd=odd)


def _options(codec: Codec, encoding: Encoding, name_of_pixels: str, field_order: str) -> dict[str, str]:
    options = dict(codec.options)
    if codec.encoder == "libx264" and field_order:
        options["x264-params"] = f"{field_order}=1"  # it takes every frame for top field first otherwise
    if codec.family == "prores":
        options["profile"] = "4" if "444" in name_of_pixels else "3"  # 4444, 422 HQ
    if codec.preset and encoding.preset:
        options[codec.preset] = encoding.preset
    if codec.quality and encoding.crf is not None:
        options[codec.quality] = str(encoding.crf)
    if encoding.bitrate and codec.quality:
        del options[codec.quality]
    return options


def _unused(codec: Codec, encoding: Encoding) -> Iterable[str]:
    for option, value, used in (("crf", encoding.crf, codec.quality), ("preset", encoding.preset, codec.preset)):
        if value is not None and not used:
            yield f"--{option} does not apply to {codec.encoder}"


def _changes(frame: Frame, codec: Codec, kind: Kind, draw: _Draw) -> Iterable[str]:
    """What the file cannot keep of the frames as they are."""
    width, height = frame.size
    wide, high = draw.size(frame)
    if draw.squared:
        yield f"{width}x{height} with samples of {frame.sample_aspect} becomes {wide}x{high}: {kind.name} holds square samples only"
    elif (wide, high) != frame.size:
        yield f"{width}x{height} is odd, {codec.family} holds {wide}x{high}: the last column or row is doubled"
    elif frame.sample_aspect != 1 and kind.container == "matroska" and codec.family not in ("h264", "hevc"):
        yield f"samples of {frame.sample_aspect} cannot be marked in {kind.name} with {codec.family}: set that aspect in the player"
    if frame.field_order and not draw.field_order:
        yield f"interlaced frames are written as whole pictures: {codec.family} cannot mark fields"
    if frame.format.bits > 8 and not any(draw.pixels.endswith(depth) for depth in ("9le", "10le", "12le", "14le", "16le")):
        yield f"{frame.format.bits} bits become 8: {codec.encoder} takes no more"


class _Draw:
    """Frames as pictures for one codec."""

    def __init__(self, name_of_pixels: str, codec: Codec, *, field_order: str, squared: bool) -> None:
        self.pixels = name_of_pixels
        self._codec = codec
        self.field_order = field_order
        self.squared = squared
        self._marker: Any = None

    def size(self, frame: Frame) -> Size:
        width, height = pixels.square_size(frame.size, frame.sample_aspect) if self.squared else frame.size
        return (width + width % 2, height + height % 2) if self._codec.even else (width, height)

    def __call__(self, frame: Frame) -> list[av.VideoFrame]:
        if self.squared:
            frame = pixels.square(frame)
        if self._codec.even:
            frame = pixels.even(frame)
        picture = pixels.picture(frame, self.pixels, full_range=self._codec.full_range)
        return [self._marked(picture)] if self.field_order else [picture]

    def _marked(self, picture: av.VideoFrame) -> av.VideoFrame:
        """PyAV cannot set a frame's field order; a filter can."""
        self._marker = self._marker or _field_marker(picture, self.field_order)
        tags_of = (picture.color_primaries, picture.color_trc, picture.colorspace, picture.color_range)
        time_of = (picture.pts, picture.duration, picture.time_base)
        self._marker.push(picture)
        marked: av.VideoFrame = self._marker.pull()
        marked.color_primaries, marked.color_trc, marked.colorspace, marked.color_range = tags_of
        marked.pts, marked.duration, marked.time_base = time_of
        return marked


def _field_marker(picture: av.VideoFrame, field_order: str) -> Any:
    import av
    import av.filter

    graph = av.filter.Graph()
    start = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base)
    graph.link_nodes(start, graph.add("setparams", f"field_mode={field_order}"), graph.add("buffersink"))
    graph.configure()
    return graph
