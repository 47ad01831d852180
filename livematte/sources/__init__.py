"""Frames in: open_source(spec) gives the source that a name stands for."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import cast

from livematte import urls
from livematte.errors import SourceError
from livematte.sources.base import ANYTHING, WHOLE, Cut, LiveSource, Source, SourceInfo, Wish

__all__ = ["Cut", "LiveSource", "Source", "SourceInfo", "Wish", "is_camera", "is_url", "open_live_source", "open_source"]


def open_source(spec: str | Path, *, cut: Cut = WHOLE, decoder_threads: int | None = None) -> Source:
    """The source that `spec` names: a video or picture file, a folder of pictures, a glob, `-` for a container on standard input,
    `pattern` or `pattern:640x360` for a test picture, a camera (`cam`, `cam:1`, `cam:/dev/video2`, `cam:HD Webcam`), or a URL. A Path is
    always a file or a folder.

    cut: the part to read. decoder_threads: None for a few, as the network needs the cores too. SourceError where there is nothing
    to read, with what to try; ValueError for a cut that is none."""
    if isinstance(spec, str):
        if not spec:
            raise SourceError("got an empty name, wanted a video, a picture, a folder or a URL")
        if spec == "-":
            return _standard_input(cut, decoder_threads)
        if spec == "pattern" or spec.startswith("pattern:"):
            from livematte.sources.pattern import PatternSource

            return PatternSource(spec, cut=cut)
        if is_camera(spec):
            from livematte.sources.camera import open_camera

            return open_camera(spec)
        if is_url(spec):
            return _remote(spec, cut, decoder_threads)
    return _local(Path(spec), cut, decoder_threads)


def open_live_source(spec: str, *, cut: Cut = WHOLE, wish: Wish = ANYTHING) -> LiveSource:
    """What open_source opens, for a live job: cameras as wished, streams with little delay, and sound decoded on the way.

    SourceError and ValueError as there; BusyError for a camera that another program uses."""
    if is_camera(spec):
        from livematte.sources.camera import open_camera

        return cast(LiveSource, open_camera(spec, wish=wish))  # a camera has no other tracks
    from livematte.sources.stream import Audible, open_stream

    if is_url(spec) and not spec.lower().startswith("file://"):
        return open_stream(spec, cut=cut)
    return Audible(open_source(spec, cut=cut))


def is_camera(spec: str) -> bool:
    return spec == "cam" or spec.startswith("cam:")


def is_url(spec: str) -> bool:
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", spec) is not None


def _standard_input(cut: Cut, threads: int | None) -> Source:
    from livematte.sources.demux import STANDARD_INPUT
    from livematte.sources.video import VideoSource

    if sys.stdin is None or sys.stdin.isatty():
        raise SourceError("nothing is piped to standard input; wanted a container, as in: livematte - < clip.mkv")
    return VideoSource(sys.stdin.buffer, name=STANDARD_INPUT, cut=cut, threads=threads)


def _remote(url: str, cut: Cut, threads: int | None) -> Source:
    from livematte.sources.video import VideoSource

    if url.lower().startswith("file://"):
        from urllib.parse import unquote

        address = urls.split(url)
        if address is None:
            raise SourceError(f"{urls.shown(url)} is no address; wanted file:///PATH")
        return _local(Path(unquote(address.path)), cut, threads)
    return VideoSource(url, name=url, cut=cut, threads=threads, remote=True)


def _local(path: Path, cut: Cut, threads: int | None) -> Source:
    from livematte.sources import images
    from livematte.sources.picture_file import is_animation
    from livematte.sources.video import VideoSource

    if os.path.isdir(path):  # Path's own fail for names that are too long
        return images.in_folder(path, cut=cut)
    if not os.path.exists(path):
        if re.search(r"[*?\[]", str(path)):
            return images.in_glob(str(path), cut=cut)
        raise SourceError(f"there is no {path}; wanted a video, a picture or a folder{_hint(path)}")
    if images.is_picture(path) and not is_animation(path):
        return images.PicturesSource([path], name=str(path), cut=cut)
    return VideoSource(path, name=str(path), cut=cut, threads=threads)


def _hint(path: Path) -> str:
    if re.match(r"cam(era)?[:\d]*\d*$", str(path), re.IGNORECASE):
        return "; cameras are cam, cam:1, cam:NAME"
    if "%" in path.name:
        return f"; for numbered pictures use a glob: '{path.with_name('*' + path.suffix)}'"
    parent = path.parent
    return "" if parent.is_dir() else f"; nor is there a folder {parent}"
