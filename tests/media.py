"""Makes the small clips that tests read: every kind of stream, track, tag and damage, by PyAV, from one known picture.

Every clip shows `planes(index, size, pixel_format)`, and its encoders are lossless unless a test asks for another one, so what a
source gives can be compared sample by sample.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition

from livematte.colour import Colour
from livematte.frame import Frame, Plane, Size, pixel_format
from livematte.pyav import to_av

NTSC = Fraction(30000, 1001)
SIZE = (64, 48)
# What makes an encoder lossless (or, where it can't be, good) and quick. No B-frames unless a test asks: fewer surprises.
_OPTIONS = {
    "libx264": {"qp": "0", "preset": "ultrafast", "g": "10"},
    "libx265": {"x265-params": "lossless=1:log-level=none", "preset": "ultrafast"},
    "libvpx-vp9": {"lossless": "1", "deadline": "realtime", "cpu-used": "8"},
    "libvpx": {"auto-alt-ref": "0", "crf": "4", "b": "1M", "deadline": "realtime", "cpu-used": "8"},
}
# QuickTime's matrix (a, b, c, d): a picture's (x, y) is shown at (a x + c y, b x + d y).
ORIENTATIONS = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (-1, 0, 0, -1),
    "flipped": (1, 0, 0, -1),
    "clockwise": (0, 1, -1, 0),
    "counterclockwise": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transverse": (0, -1, -1, 0),
}


def planes(index: int, size: Size = SIZE, name: str = "yuv420p") -> tuple[Plane, ...]:
    """The test picture: no two rows, columns, planes or frames alike, and no symmetry. Legal range; uint8 or uint16."""
    known = pixel_format(name)
    assert known is not None, name
    fmt = known[0]
    made = []
    for i in range(fmt.plane_count):
        width, height = fmt.plane_size(i, size)
        y, x = np.mgrid[:height, :width]
        values = 30 + 40 * x / width + 50 * y / height + 7 * i + index % 100
        values[: height // 4, : width // 8] = 200
        plane = (values * (1 << (fmt.bits - 8))).astype(fmt.dtype) << fmt.shift
        made.append(np.dstack([plane, plane[::-1]]) if fmt.family == "semi" and i == 1 else plane)
    return tuple(made)


def alpha(index: int, size: Size = SIZE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(H, W) float32: 0 at the left, 1 at the right, whole steps of 1/255."""
    row = np.floor(np.linspace(0, 255, size[0]) + 0.5).astype(np.float32) / np.float32(255)
    return np.roll(np.repeat(row[None], size[1], axis=0), index, axis=1)


def frame(index: int, size: Size = SIZE, name: str = "yuv420p", *, colour: Colour | None = None) -> Frame:
    """The test picture as a Frame at 29.97; a format with alpha ("yuva420p") has `alpha`."""
    known = pixel_format(name)
    assert known is not None, name
    pha = alpha(index, size) if known[1] else None
    return Frame(planes(index, size, name), known[0], pts=index, time_base=1 / NTSC, duration=1, pha=pha, colour=colour or Colour())


def clip(
    path: Path,
    *,
    frames: int = 10,
    size: Size = SIZE,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
    time_base: Fraction = 1 / NTSC,
    orientation: str | None = None,
    colour: Colour | None = None,
    aspect: Fraction | None = None,
    interlaced: str = "",
    audio: Sequence[str] = (),
    subtitle: str | None = None,
    chapters: bool = False,
    cover: bool = False,
    attachment: bool = False,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A clip of the test picture at `path`; what kind of file follows from its name.

    times: pts of each frame in time_base, else 0, 1, 2, …. audio: the languages of as many tracks of a tone (Opus in .webm, else AAC),
    as long as the video. subtitle: the language of a track that says "hello" from 0.1 s on. interlaced: "tff" or "bff"."""
    times = range(frames) if times is None else times
    with av.open(str(path), "w", container_options=container_options or {}) as out:
        out.metadata.update(metadata or {})
        options = {**_OPTIONS.get(codec, {}), **_interlace(codec, interlaced), **(options or {})}
        video = _video(out, codec, pixels, size, time_base=time_base, options=options)
        _describe(video, orientation, colour, aspect)
        tones = [_audio(out, "libopus" if path.suffix == ".webm" else "aac", language) for language in audio]
        text = _subtitle(out, path.suffix, subtitle) if subtitle else None
        picture = _cover(out) if cover else None
        if attachment:
            out.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        if chapters:
            out.set_chapters([_chapter(1, 0, 100, "first"), _chapter(2, 100, 333, "second")])
        out.start_encoding()
        if picture:
            out.mux(picture)
        for track in tones:
            _sing(out, track, float((times[-1] + 1) * time_base))
        if text:
            out.mux(_say(text, path.suffix))
        for index, pts in enumerate(times):
            out.mux(video.encode(_picture(index, size, pixels, time=(pts, time_base), colour=colour)))
        out.mux(video.encode(None))
    return path


def _video(out: Any, codec: str, pixels: str, size: Size, *, time_base: Fraction, options: dict[str, str]) -> Any:
    # libx264 wants a plausible rate even where the time base is fine
    video = out.add_stream(codec, rate=1 / time_base if time_base > Fraction(1, 200) else 30, options=options)
    video.width, video.height, video.pix_fmt = *size, pixels
    video.time_base = video.codec_context.time_base = time_base
    video.thread_count = 1
    return video


def _interlace(codec: str, order: str) -> dict[str, str]:
    if not order:
        return {}
    return {"x264-params": f"{order}=1"} if codec == "libx264" else {"flags": "+ildct+ilme"}


def _describe(video: Any, orientation: str | None, colour: Colour | None, aspect: Fraction | None) -> None:
    if orientation:
        a, b, c, d = (65536 * v for v in ORIENTATIONS[orientation])
        video.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
    if aspect:
        video.sample_aspect_ratio = video.codec_context.sample_aspect_ratio = aspect
    if colour:
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace = colour.primaries, colour.transfer, colour.matrix
        context.color_range = {None: 0, False: 1, True: 2}[colour.full_range]


def _picture(index: int, size: Size, pixels: str, *, time: tuple[int, Fraction], colour: Colour | None) -> av.VideoFrame:
    clear = any(c.is_alpha for c in av.VideoFormat(pixels).components)
    planar = pixels if pixel_format(pixels) else "gbrap" if clear else "gbrp"
    made = to_av(frame(index, size, planar, colour=colour), planar)
    picture = made if planar == pixels else made.reformat(format=pixels)
    picture.pts, picture.time_base = time
    return picture


def _audio(out: Any, codec: str, language: str) -> Any:
    track = out.add_stream(codec, rate=48000, layout="mono")
    track.metadata["language"] = language
    return track


def _sing(out: Any, track: Any, seconds: float) -> None:
    block = 960 if track.codec_context.name == "libopus" else 1024
    for start in range(0, round(seconds * 48000), block):
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + block) / 48000)
        kind = "flt" if track.codec_context.name == "libopus" else "fltp"
        sound = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], kind, "mono")
        sound.sample_rate, sound.pts, sound.time_base = 48000, start, Fraction(1, 48000)
        out.mux(track.encode(sound))
    out.mux(track.encode(None))


def _subtitle(out: Any, suffix: str, language: str) -> Any:
    track = out.add_mux_stream("mov_text" if suffix in (".mp4", ".mov") else "subrip")
    track.metadata["language"] = language
    track.time_base = Fraction(1, 1000)
    return track


def _say(track: Any, suffix: str) -> Any:
    words = b"hello"
    packet: Any = av.Packet(struct.pack(">H", len(words)) + words if suffix in (".mp4", ".mov") else words)
    packet.stream, packet.time_base = track, Fraction(1, 1000)
    packet.pts, packet.dts, packet.duration = 100, 100, 200
    return packet


def _cover(out: Any) -> Any:
    jpeg = picture_file(".jpg", size=(24, 16))
    with av.open(io.BytesIO(jpeg)) as source:
        template = source.streams.video[0]
        track = out.add_stream_from_template(template)
        track.disposition = Disposition.attached_pic
        packet = next(source.demux(template))
    packet.stream, packet.pts, packet.dts = track, 0, 0
    return packet


def _chapter(number: int, start: int, end: int, title: str) -> Any:
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}


def picture_file(suffix: str, *, size: Size = SIZE, channels: int = 3, depth: int = 8, exif: int | None = None) -> bytes:
    """A picture file's bytes, made by OpenCV. channels 1, 3 or 4. exif: orientation 1 to 8, for .jpg."""
    stack = np.dstack(planes(0, size, "yuv444p16le" if depth > 8 else "yuv444p"))
    if channels == 4:
        stack = np.dstack([stack, (alpha(0, size) * (65535 if depth > 8 else 255)).astype(stack.dtype)])
    done, data = cv2.imencode(suffix, stack[..., 0] if channels == 1 else stack)
    assert done, suffix
    return data.tobytes() if exif is None else with_exif(data.tobytes(), exif)


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def cut_off(path: Path, share: float) -> Path:
    """A copy of a file that lost its end: `share` of it is left."""
    data = path.read_bytes()
    short = path.with_stem(path.stem + "-cut")
    short.write_bytes(data[: int(len(data) * share)])
    return short


def sound_only(path: Path) -> Path:
    """A file with an audio track and nothing else."""
    with av.open(str(path), "w") as out:
        _sing(out, _audio(out, "aac", "eng"), 0.3)
    return path
