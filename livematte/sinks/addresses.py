"""What can be told of a stream's address and its encoder before anything is sent there: a mistake in them will not mend itself."""

from __future__ import annotations

from urllib.parse import urlsplit

from livematte.errors import SettingsError
from livematte.sinks.base import Encoding

_WITH_PORT = ("udp", "rtp", "tcp", "srt")
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")


def check(spec: str, encoding: Encoding) -> None:
    """SettingsError for an address without a host or, where it needs one, a port, and for a preset that libx264 and libx265 do not have."""
    scheme = spec.partition("://")[0].lower()
    try:
        parts = urlsplit(spec)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or (scheme in _WITH_PORT and port is None):
        raise SettingsError(
            f"output {scheme}://…: the address has no {'port' if host else 'host'}; wanted {scheme}://HOST:PORT, as of a server"
        )
    software = encoding.codec in (None, "h264", "hevc", "libx264", "libx265")
    if software and encoding.preset is not None and encoding.preset not in _PRESETS:
        raise SettingsError(f"--preset: got {encoding.preset!r}, wanted one of {', '.join(_PRESETS)}")
