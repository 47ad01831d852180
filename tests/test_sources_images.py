"""Pictures: every format at its own depth, folders and globs in natural order, and what is wrong with one is said."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import media
import numpy as np
import pytest

from livematte.errors import SourceError
from livematte.frame import Frame
from livematte.sources import Cut, open_source
from livematte.sources.base import WHOLE


def read(path: Path | str, cut: Cut = WHOLE) -> list[Frame]:
    with open_source(path, cut=cut) as source:
        assert source.info.still
        assert source.info.tracks == ()
        return list(source)


def write(folder: Path, *names: str, size: tuple[int, int] = media.SIZE) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(media.picture_file(Path(name).suffix, size=size))


@pytest.mark.parametrize(
    ("suffix", "channels", "depth", "format_name"),
    [
        (".png", 3, 8, "gbrp"),
        (".png", 4, 8, "gbrp"),
        (".png", 4, 16, "gbrp16le"),
        (".png", 1, 8, "gbrp"),
        (".png", 1, 16, "gbrp16le"),
        (".tif", 3, 16, "gbrp16le"),
        (".bmp", 3, 8, "gbrp"),
    ],
)
def test_lossless_pictures_are_exact(tmp_path: Path, suffix: str, channels: int, depth: int, format_name: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(media.picture_file(suffix, channels=channels, depth=depth))
    (frame,) = read(path)
    assert (frame.format.name, frame.full_range, frame.label) == (format_name, True, "a")
    blue, green, red = media.planes(0, name="yuv444p16le" if depth == 16 else "yuv444p")
    wanted = (blue, blue, blue) if channels == 1 else (green, blue, red)
    assert all(np.array_equal(p, q) for p, q in zip(frame.planes, wanted, strict=True))
    if channels == 4:
        assert frame.pha is not None
        assert np.abs(frame.pha - media.alpha(0)).max() < 1 / 255
    else:
        assert frame.pha is None


@pytest.mark.parametrize(("suffix", "channels", "format_name"), [(".jpg", 3, "yuv420p"), (".jpg", 1, "gbrp")])
def test_jpeg_keeps_its_own_planes_and_full_range(tmp_path: Path, suffix: str, channels: int, format_name: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(media.picture_file(suffix, channels=channels))
    (frame,) = read(path)
    assert (frame.format.name, frame.full_range) == (format_name, True)
    blue, green, red = (p.astype(np.float32) / 255 for p in media.planes(0, name="yuv444p"))
    wanted = np.dstack([blue] * 3 if channels == 1 else [red, green, blue])
    # 0.002 measured: compression, and colour at half size; limited range taken for full would be 0.02
    assert np.abs(frame.rgb() - wanted).mean() < 0.005


def test_webp_with_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(media.picture_file(".webp", channels=4))
    (frame,) = read(path)
    assert frame.pha is not None
    assert np.abs(frame.pha - media.alpha(0)).max() < 1.5 / 255


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    colours, clear = bytes([200, 10, 20, 30, 100, 40]), bytes([255, 51])
    rows = b"".join(b"\0" + bytes([0, 1] * 8) for _ in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", colours), (b"tRNS", clear), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*p) for p in parts))
    (frame,) = read(tmp_path / "a.png")
    assert [p[0, :2].tolist() for p in frame.planes] == [[10, 100], [20, 40], [200, 30]]  # G, B, R
    assert frame.pha is not None
    assert frame.pha[0, :2].tolist() == pytest.approx([1, 0.2])


def test_a_folder_in_natural_order_each_of_its_own_size(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write(folder, "b10.png", "b9.png", "b1.jpg", ".hidden.png")
    write(folder, "c.png", size=(32, 16))
    (folder / "notes.txt").write_text("no picture")
    with open_source(folder) as source:
        assert (source.info.frames, source.info.size, source.info.still) == (4, (64, 48), True)
        frames = list(source)
    assert [f.label for f in frames] == ["b1", "b9", "b10", "c"]
    assert [(f.pts, f.time_base) for f in frames] == [(i, Fraction(1, 30)) for i in range(4)]
    assert frames[-1].size == (32, 16)


def test_a_glob_and_a_cut_of_it(tmp_path: Path) -> None:
    write(tmp_path, *(f"shot{i}.png" for i in range(12)), "other.png")
    frames = read(str(tmp_path / "shot*.png"), Cut(start=2 / 30, end=11 / 30, frames=8))
    assert [f.label for f in frames] == [f"shot{i}" for i in range(2, 10)]
    with pytest.raises(SourceError, match=r"start 2 s lies beyond the end of .*, which is 12 pictures at 30 per second"):
        open_source(str(tmp_path / "shot*.png"), cut=Cut(start=2))


def test_names_that_libav_would_take_for_patterns(tmp_path: Path) -> None:
    write(tmp_path, "50%d.jpg", "a[1].png")
    assert [f.label for name in ("50%d.jpg", "a[1].png") for f in read(str(tmp_path / name))] == ["50%d", "a[1]"]


def test_a_broken_picture_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "b.png").write_bytes(b"not a picture")
    frames: list[Frame] = []
    with open_source(tmp_path) as source, pytest.raises(SourceError, match=r"1 of 3 pictures cannot be read:\n  .*b\.png cannot"):
        frames.extend(source)
    assert [f.label for f in frames] == ["a", "c"]


def test_no_picture_at_all(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"folder .* holds no pictures; wanted files such as \.png"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match=r"nothing is named .*x\*\.png; wanted pictures"):
        open_source(str(tmp_path / "x*.png"))
    media.clip(tmp_path / "a.mp4")
    with pytest.raises(SourceError, match=r"holds clips, wanted pictures; give one clip at a time, such as .*a\.mp4"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match=r"names no pictures but a\.mp4; a glob is for pictures"):
        open_source(str(tmp_path / "*.mp4"))
    (tmp_path / "b.png").write_bytes(b"not a picture")
    with pytest.raises(SourceError, match=r"^[^\n]*b\.png cannot be read \(Invalid data"):
        open_source(tmp_path)


def test_a_screenful_of_broken_pictures_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "good.png")
    for index in range(12):
        (tmp_path / f"{index}.jpg").touch()
    with open_source(tmp_path) as source, pytest.raises(SourceError) as error:
        list(source)
    first, *lines, last = str(error.value).splitlines()
    assert first == "12 of 13 pictures cannot be read:"
    assert lines == [f"  {tmp_path / f'{index}.jpg'} cannot be read: it is empty, of 0 bytes" for index in range(10)]
    assert last == "  and 2 more"


def test_clips_beside_pictures_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    media.clip(tmp_path / "a.mp4")
    with open_source(tmp_path) as source:
        assert source.info.notes == ("1 clips in the folder are left out",)


def test_an_animated_webp_says_that_it_cannot_be_read(tmp_path: Path) -> None:
    path = media.clip(tmp_path / "a.webp", codec="libwebp_anim", pixels="yuva420p", frames=3)
    with pytest.raises(SourceError, match=r"a\.webp is an animated WebP, which libav cannot decode; convert it to \.gif, \.png or a clip"):
        open_source(path)
