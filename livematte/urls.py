"""Addresses taken apart, and as they may be printed: what lets somebody in (user, password, stream key, token) is never told."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

_URL = re.compile(r"([^/]*?)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_PLACE = re.compile(r"(\[[0-9a-zA-Z:.%]+\]|[^\[\]:@\s…]*)(:\d*)?")  # host and port
_BETWEEN = re.compile(r"[/?#&=@:;,\s]+")
_SHORT = 6  # characters; shorter ones are replaced only where they are words of their own


class Address(NamedTuple):
    """A URL's parts. scheme: in lower case. place: host and port, as written. host: without brackets. path: to the query."""

    scheme: str
    place: str
    host: str
    path: str


def split(spec: str) -> Address | None:
    """None for what is no URL, or a broken one: brackets that do not match, a port that is no number."""
    parts = _URL.fullmatch(spec)
    place = parts and _PLACE.fullmatch(parts[2].rpartition("@")[2])
    if not parts or not place:
        return None
    return Address(parts[1].lower(), place[0], place[1].strip("[]"), parts[3])


def shown(spec: str) -> str:
    """An input's, an output's or a background's name as it may be printed: a URL without user, password, query and fragment.

    RTMP's path ends in the stream's key, so only its first of several parts is left; of WHIP's, whose servers put the key anywhere, none.
    A URL that is broken is no more than its scheme; what is no URL stays as it is. Never raises."""
    parts = _URL.fullmatch(spec)
    if not parts:
        return spec
    address = split(spec)
    # An @ further on is most likely that of a password with a / in it: then what looks like the host is the user.
    if address is None or "@" in parts[3] + parts[4]:
        return f"{parts[1]}://…"
    return f"{parts[1]}://{address.place}{_shown_path(address)}"


def _shown_path(address: Address) -> str:
    names = address.path.strip("/").split("/")
    if not names[0] or not address.scheme.startswith(("rtmp", "whip")):
        return address.path
    return f"/{names[0]}/…" if address.scheme.startswith("rtmp") and len(names) > 1 else "/…"


def masked(text: str, url: str) -> str:
    """What another program said, in which it may repeat a part of `url` that shown() hides: "…" in its place."""
    known = {*_BETWEEN.split(shown(url)), ""}
    hidden = {word for part in _BETWEEN.split(url) for word in (part, unquote(part))} - known
    for word in sorted(hidden, key=len, reverse=True):
        edges = (r"(?<![^\W_])", r"(?![^\W_])") if len(word) < _SHORT else ("", "")
        text = re.sub(edges[0] + re.escape(word) + edges[1], "…", text)
    return text


def no_address(spec: str) -> str:
    """The message for a URL that split() finds broken."""
    scheme = spec.partition("://")[0]
    return f"{shown(spec)} is no address; wanted {scheme}://HOST:PORT/PATH, with a / in a password written %2F"
