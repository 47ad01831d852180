"""Frames out: open_sink(name) gives the sink that the name asks for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livematte.errors import SettingsError
from livematte.sinks.base import Encoding, Sink
from livematte.sinks.kinds import LIVE, ONE_PICTURE, Kind, kind_of, live_kind

if TYPE_CHECKING:
    from livematte.sinks.naming import Target
    from livematte.sources.base import Source, SourceInfo

__all__ = ["LIVE", "Encoding", "Sink", "live_kind", "open_sink", "sink_holds_alpha"]

_LIVE_ALPHA = ("window", "pipe", "ndi")  # a window shows what is transparent as a chequerboard
_BEST = Encoding()  # each codec's own good quality
_ANIMATIONS = {"gif": "gif", "webp": "libwebp_anim", "apng": "apng"}  # container: libav's encoder


def open_sink(spec: str | Path, *, like: Source | SourceInfo, encoding: Encoding = _BEST, overwrite: bool = False) -> Sink:
    """The sink for an output's name: its extension, or a folder, says what it is; or `vcam`, `window`, `ndi:NAME`, a URL, `-`.

    like: the source that it is written from, or its info; it must stay open until the sink has its first frame. SettingsError for a
    name or a codec that is not known, SinkError for an output that exists (without overwrite), is the source itself or cannot be
    written."""
    info: SourceInfo = like.info if hasattr(like, "info") else like
    if live := live_kind(spec):
        return _live(live, str(spec), info, encoding)
    path, kind, folder = kind_of(spec)
    alpha = _holds_alpha(spec, kind, encoding)
    if encoding.codec and kind.container and kind.container not in _ANIMATIONS:
        from livematte.sinks import codecs

        codecs.find(encoding.codec, kind.codecs)
    suffix = path.suffix.lower()
    if suffix in ONE_PICTURE and not folder and not _one_still(info):
        raise SettingsError(f"{spec} holds one picture, got {_many(info)}; write into a folder/ or a .zip, or a clip such as .mov or .mp4")
    from livematte.sinks.naming import Target

    target = Target(path, overwrite=overwrite, reads=info.name, folder=folder)
    if not kind.container or (suffix in (".png", ".webp") and _one_still(info)):
        return _pictures(target, path, kind, folder)
    return _video(target, kind, info, encoding, alpha)


def _live(kind: str, spec: str, like: SourceInfo, encoding: Encoding) -> Sink:
    if kind == "vcam":
        from livematte.sinks.virtual_camera import VirtualCamera

        return VirtualCamera(spec, like=like)
    if kind == "window":
        from livematte.sinks.window import Window

        return Window(like=like)
    if kind == "whip":
        from livematte.sinks.whip import WhipSink

        return WhipSink(spec, like=like, encoding=encoding)
    if kind == "ndi":
        from livematte.sinks.ndi import NdiSink

        return NdiSink(spec, like=like)
    if kind == "pipe":
        from livematte.sinks.pipe import PipeSink

        return PipeSink(like=like, encoding=encoding)
    from livematte.sinks import addresses
    from livematte.sinks.stream import StreamSink

    addresses.check(spec, encoding)
    return StreamSink(spec, like=like, encoding=encoding)


def _one_still(like: SourceInfo) -> bool:
    return like.still and like.frames == 1


def _many(like: SourceInfo) -> str:
    return f"{like.frames} pictures" if like.still else "a clip"


def _pictures(target: Target, path: Path, kind: Kind, folder: bool) -> Sink:
    from livematte.sinks.images import FileStore, FolderStore, ImagesSink, ZipStore

    if folder:
        return ImagesSink(target, FolderStore(target.part))
    if path.suffix.lower() == ".zip":
        return ImagesSink(target, ZipStore(target.part))
    return ImagesSink(target, FileStore(target.part), suffix=path.suffix.lower(), alpha=kind.alpha, single=True)


def _video(target: Target, kind: Kind, like: SourceInfo, encoding: Encoding, alpha: bool) -> Sink:
    from livematte.sinks.animation import plan_animation
    from livematte.sinks.plan import plan_clip
    from livematte.sinks.video import VideoSink

    encoder = _ANIMATIONS.get(kind.container)
    if encoder:
        return VideoSink(target, kind, like=like, alpha=alpha, plan=partial(plan_animation, encoder=encoder, encoding=encoding, like=like))
    plan = partial(plan_clip, kind=kind, encoding=encoding, like=like, name=str(target.final))
    return VideoSink(target, kind, like=like, alpha=alpha, plan=plan)


def sink_holds_alpha(spec: str | Path, encoding: Encoding = _BEST) -> bool:
    """Whether an output of that name, with that codec, holds a frame's alpha. Raises SettingsError for a name that is not known."""
    if live := live_kind(spec):
        return live in _LIVE_ALPHA
    return _holds_alpha(spec, kind_of(spec)[1], encoding)


def _holds_alpha(spec: str | Path, kind: Kind, encoding: Encoding) -> bool:
    if encoding.codec is None or not kind.container or kind.container in _ANIMATIONS:
        return kind.alpha
    from livematte.sinks import codecs

    wanted = codecs.named(encoding.codec, kind.codecs)
    if not wanted:
        raise SettingsError(f"--codec {encoding.codec} cannot be in {spec}; wanted one of {', '.join(codecs.names(kind.codecs))}")
    return wanted[0].alpha
