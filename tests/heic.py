"""Small HEIC files, box by box (ISO/IEC 23008-12), around a picture that libx265 has compressed without loss."""

from __future__ import annotations

import io
import struct
from typing import Any

import av

from livematte.frame import Frame
from livematte.pyav import to_av


def heic_file(frame: Frame, pixels: str = "yuv444p", *, quarter_turns: int = 0, profile: bytes | None = None) -> bytes:
    """The frame as the only picture of a HEIC file. quarter_turns: anticlockwise, that a viewer has to turn it."""
    setup, picture = _compressed(frame, pixels)
    width, height = frame.size
    bits = 10 if "10" in pixels else 8
    properties = [
        _box(b"hvcC", setup),
        _full(b"ispe", struct.pack(">II", width, height)),
        _full(b"pixi", bytes([3, bits, bits, bits])),
        _box(b"colr", b"prof" + profile) if profile else _box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 128)),
        _box(b"irot", bytes([quarter_turns])),
    ]
    used = bytes([len(properties), *(0x80 | n if n == 1 else n for n in range(1, len(properties) + 1))])
    head = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    meta = _meta(properties, used, place=0, length=len(picture))
    place = len(head) + len(meta) + 8
    return head + _meta(properties, used, place=place, length=len(picture)) + _box(b"mdat", picture)


def _meta(properties: list[bytes], used: bytes, *, place: int, length: int) -> bytes:
    entry = _full(b"infe", struct.pack(">HH", 1, 0) + b"hvc1" + b"\0", version=2)
    parts = [
        _full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        _full(b"pitm", struct.pack(">H", 1)),
        _full(b"iinf", struct.pack(">H", 1) + entry),
        _full(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, place, length)),
        _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", struct.pack(">IH", 1, 1) + used)),
    ]
    return _full(b"meta", b"".join(parts))


def _compressed(frame: Frame, pixels: str) -> tuple[bytes, bytes]:
    """(the decoder's set-up, the picture), as Matroska has them."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream: Any = out.add_stream("libx265", rate=1, options={"x265-params": "lossless=1:log-level=none"})
        stream.width, stream.height, stream.pix_fmt = *frame.size, pixels
        stream.codec_context.color_range = 2
        out.mux(stream.encode(to_av(frame, pixels)))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as made:
        video = made.streams.video[0]
        return bytes(video.codec_context.extradata or b""), bytes(next(packet for packet in made.demux(video) if packet.size))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _full(name: bytes, content: bytes, *, version: int = 0) -> bytes:
    return _box(name, bytes([version, 0, 0, 0]) + content)
