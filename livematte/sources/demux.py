"""Opening a container and choosing among its streams; what libav's errors mean to the one who asked."""

from __future__ import annotations

import socket
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from livematte import urls
from livematte.errors import SourceError
from livematte.sources.base import SILENCE
from livematte.sources.damage import lacks_index

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

ANSWER_SECONDS = 10.0  # how long a URL may take to answer, and later to bring the next packet
# libav draws text files as teletype pictures; nobody means that.
_TEXT_FORMATS = {"tty", "ansi", "bin", "xbin", "adf", "idf"}
STANDARD_INPUT = "standard input"
_WANTED = "a video or a picture, such as .mp4, .mov, .webm or .png"
_WANTED_PIPED = "a container that can be read from front to back, such as .mkv, .ts, .webm or .mp4 with faststart"
# A live stream is looked at only until its tracks are known. RTSP goes over TCP, which loses nothing, where the server lets it; a UDP
# packet too many is a packet lost, not the end.
_LIVE = {"analyzeduration": "2000000", "rtsp_flags": "prefer_tcp", "overrun_nonfatal": "1"}
TS_DISCONT, _NO_TIMESTAMPS = 0x0200, 0x0080  # of AVInputFormat.flags


class Streams(NamedTuple):
    """video: the one to read. tracks: those that ride along. notes: what is left out."""

    video: VideoStream
    tracks: tuple[Stream, ...]
    notes: tuple[str, ...]


def open_container(file: Any, *, name: str, remote: bool = False, live: bool = False) -> InputContainer:
    """libav's container for a path, a URL (remote; live: a stream) or a binary file object. SourceError where there is none to be had."""
    import av

    if remote and urls.split(file) is None:
        raise SourceError(urls.no_address(file))
    if isinstance(file, Path):
        file = f"file:{file}"  # or "a:b.mp4" would be a protocol
    timeout = (ANSWER_SECONDS, SILENCE if live else ANSWER_SECONDS) if remote else None
    try:
        container = av.open(file, "r", timeout=timeout, metadata_errors="replace", options=_LIVE if live else {})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(_why_not(error, file, name)) from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise SourceError(f"{name} is text; wanted {_WANTED}")
    return container


def _why_not(error: Exception, file: Any, name: str) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    local = isinstance(file, str) and file.startswith("file:")
    if isinstance(file, str) and not local:
        return _url_why_not(error, name, reason)
    if isinstance(error, PermissionError):
        return f"{name} may not be read: {reason}; check its permissions"
    if local and lacks_index(Path(file.removeprefix("file:"))):
        return (
            f"{name} has no index (moov): its end is missing, as after a broken copy or recording; copy it again, or mend it with untrunc"
        )
    return f"{name} cannot be read ({reason}); wanted {_WANTED_PIPED if name == STANDARD_INPUT else _WANTED}"


def _url_why_not(error: Exception, name: str, reason: str) -> str:
    import av

    address = urls.split(name)  # of the name: what it hides, as a user with a / in the password, is not told as a host either
    scheme, host = (address.scheme, address.host) if address else (name.partition("://")[0], "")
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return f"{name} did not answer within {ANSWER_SECONDS:.0f} s; check the address and that the sender is running"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return _no_protocol(scheme, name)
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        hint = f"check user and password: {scheme}://USER:PASSWORD@{host or 'HOST'}/…"
    elif isinstance(error, av.error.HTTPNotFoundError):
        hint = "check what follows the host's name"
    elif host and not _is_known(host):
        hint = f"no host has the name {host}; check the address and the network"
    else:
        hint = "check the address"
    return f"{name} cannot be opened: {reason}; {hint}"


def _no_protocol(scheme: str, name: str) -> str:
    got = f"{name}: this build of libav does not speak {scheme}; wanted http(s), rtsp, rtmp(s), udp, rtp, tcp or a file"
    return f"{got}\nAn ffmpeg that does can pass it on: ffmpeg -i '{name}' -c copy -f nut - | livematte - …" if scheme == "srt" else got


def _is_known(host: str) -> bool:
    """libav says no more than "Input/output error" of a name that does not exist."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return False
    return True


def choose(container: InputContainer, *, name: str) -> Streams:
    """The video to read and the tracks beside it. SourceError where there is no video, or no decoder for it."""
    from av.stream import Disposition

    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        found = " and ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceError(f"{name} holds no video, only {found}; wanted a clip with a picture")
    best: Any = container.streams.best("video")
    video = best if best in videos else videos[0]
    if video.codec_context is None:
        raise SourceError(f"{name} has video in a codec that this build of libav cannot decode; convert it to H.264 first")
    # QuickTime keeps chapter titles and time codes in data tracks; what they say comes as chapters and metadata.
    others = [s for s in container.streams if s not in videos and s.type in ("audio", "subtitle", "attachment", "video")]
    unread = [s for s in container.streams.data if "timecode" not in s.metadata]
    # No context: a codec that libav has no name for, as of spatial audio in some phones' clips; no sink could take it.
    tracks = tuple(s for s in others if s.type == "attachment" or s.codec_context is not None)
    notes = {
        f"{len(videos)} video streams; only the main one is read": len(videos) > 1,
        "data tracks (telemetry and such) are left out": len(unread) > bool(container.chapters()),
        f"{len(others) - len(tracks)} tracks in an unknown codec are left out": len(others) > len(tracks),
    }
    return Streams(video, tracks, tuple(note for note, applies in notes.items() if applies))


def zero(container: InputContainer, *, remote: bool) -> Fraction:
    """What the container calls the beginning, in seconds, where that is not zero but any number: broadcast formats and live streams."""
    live = remote and not container.duration
    if not container.start_time or not (live or container.format.flags & TS_DISCONT):
        return Fraction(0)
    return Fraction(container.start_time, 1_000_000)


def has_times(container: InputContainer) -> bool:
    """False for bare codec streams, whose frames carry no time: they can't be sought in."""
    return not container.format.flags & _NO_TIMESTAMPS and container.start_time is not None
