"""What an output is follows from its name: one table of file kinds, and what each container holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from livematte import urls
from livematte.errors import SettingsError

_PCM = frozenset(f"pcm_{kind}" for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "u8", "s8"))
_MP4_AUDIO = frozenset(("aac", "mp3", "ac3", "eac3", "alac"))
ANY = frozenset(("*",))  # whatever libav's muxer takes


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file. container: libav's muxer, "" where libav does not write it. codecs: families it holds, the default first.

    alpha: its default codec holds alpha. audio, subtitles: codecs that are copied as they are; others become new_audio, new_subtitles
    ("" = the file holds none). sample_aspect: it holds pictures whose samples are not square."""

    container: str
    codecs: tuple[str, ...]
    alpha: bool
    audio: frozenset[str] = frozenset()
    new_audio: str = ""
    subtitles: frozenset[str] = frozenset()
    new_subtitles: str = ""
    attachments: bool = False
    cover: bool = False
    sample_aspect: bool = False

    @property
    def name(self) -> str:
        return {"matroska": ".mkv"}.get(self.container, f".{self.container}")


_MP4_TEXT = frozenset(("mov_text",))
_MKV_TEXT = frozenset(("subrip", "ass", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"))
_MP4 = Kind(
    "mp4",
    ("h264", "hevc", "av1"),
    False,
    _MP4_AUDIO | {"opus", "flac"},
    "aac",
    _MP4_TEXT,
    "mov_text",
    cover=True,
    sample_aspect=True,
)
FOLDER = Kind("", ("png",), True, sample_aspect=True)
KINDS = {
    ".mov": Kind("mov", ("prores", "qtrle", "h264", "hevc"), True, _MP4_AUDIO | _PCM, "aac", _MP4_TEXT, "mov_text", sample_aspect=True),
    ".webm": Kind("webm", ("vp9", "av1"), True, frozenset(("opus", "vorbis")), "libopus", frozenset(("webvtt",)), "webvtt"),
    ".mkv": Kind("matroska", ("ffv1", "h264", "hevc", "av1", "vp9", "prores"), True, ANY, "aac", _MKV_TEXT, "subrip", attachments=True),
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".gif": Kind("gif", ("gif",), True),
    ".webp": Kind("webp", ("webp",), True),
    ".png": Kind("apng", ("apng",), True),
    ".zip": Kind("", ("png",), True, sample_aspect=True),
    ".jpg": Kind("", ("jpeg",), False, sample_aspect=True),
    ".jpeg": Kind("", ("jpeg",), False, sample_aspect=True),
    ".tif": Kind("", ("tiff",), True, sample_aspect=True),
    ".tiff": Kind("", ("tiff",), True, sample_aspect=True),
    ".avif": Kind("", ("avif",), True, sample_aspect=True),
}
ONE_PICTURE = (".jpg", ".jpeg", ".tif", ".tiff", ".avif")  # that hold no more
_STREAMS = ("rtmp", "rtmps", "rtsp", "rtsps", "udp", "rtp", "tcp", "srt")  # schemes that libav's muxers send to
LIVE = ("vcam", "window", "stream", "whip", "ndi")  # kinds of output that need the moment: frames are shown, not kept


def live_kind(spec: str | Path) -> str:
    """One of LIVE, "pipe" for a container on standard output, or "" for a file. SettingsError for a URL of no kind."""
    text = str(spec)
    scheme = text.partition("://")[0].lower()
    if text == "-":
        return "pipe"
    if "://" in text:
        kind = "whip" if scheme in ("whip+http", "whip+https") else "stream" if scheme in _STREAMS else ""
        if not kind:
            wanted = ", ".join(f"{name}://" for name in (*_STREAMS, "whip+https"))
            raise SettingsError(f"output {urls.shown(text)}: got {scheme}://, wanted one of {wanted}, or a file")
        if kind == "stream" and urls.split(text) is None:
            raise SettingsError(f"output {urls.no_address(text)}")
        return kind
    first = text.partition(":")[0]
    return first if first in ("vcam", "ndi") or text == "window" else ""


def kind_of(spec: str | Path) -> tuple[Path, Kind, bool]:
    """(path, kind, whether it is a folder) of a file's name. Raises SettingsError for a name that no kind of output has."""
    text = str(spec)
    path = Path(text)
    if path.name.lower() in KINDS:
        raise SettingsError(f"output {text} has no name, only an extension; wanted one such as matte{path.name}")
    if text.endswith(("/", "\\")) or os.path.isdir(path) or not path.suffix:  # Path.is_dir fails for names that are too long
        return path, FOLDER, True
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise SettingsError(f"output {text}: got {path.suffix}, wanted one of {known()}")
    return path, kind, False


def known() -> str:
    return f"{' '.join(KINDS)}, or a folder/ for pictures"
