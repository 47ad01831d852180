"""The HTTP half of WHIP (RFC 9725): POST an offer, get the answer and the address of a session; DELETE that at the end."""

from __future__ import annotations

import ipaddress
import ssl
from contextlib import suppress
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, NamedTuple, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from livematte.errors import SettingsError, SinkError
from livematte.urls import shown

if TYPE_CHECKING:
    from http.client import HTTPMessage

_ANSWER = 10.0  # seconds for an answer
_GOODBYE = 1.0  # seconds for the answer to DELETE
_REDIRECTS = (301, 302, 307, 308)
_MOST_REDIRECTS = 5
_LONGEST = 1 << 18  # bytes of an answer
_WHY = {
    400: "does not take the offer (400); does it take H.264?",
    401: "wants another token (401); put it before the host, whip+https://:TOKEN@host/path, or into LIVEMATTE_WHIP_TOKEN",
    403: "refuses this token (403); put the right one before the host, whip+https://:TOKEN@host/path, or into LIVEMATTE_WHIP_TOKEN",
    404: "has nothing at this address (404); is the path right?",
    405: "takes no stream at this address (405); is it the WHIP address?",
    409: "has a sender at this address already (409); end that one first",
    415: "takes no offer at this address (415); is it the WHIP address?",
}


class Endpoint:
    """A WHIP address. url: http or https, with a token as user or password or without; token: what to use then. SettingsError for a URL
    without a host.

    name: the address as it may be printed. clear_text: whether the token can be read on the way. It goes to the address's own server only,
    wherever that one points."""

    def __init__(self, url: str, *, token: str) -> None:
        parts = _parts(url)
        place = parts.netloc.rpartition("@")[2]
        self._token = unquote(parts.password or parts.username or "") or token
        self._url = parts._replace(netloc=place).geturl()
        self.name = shown(f"whip+{self._url}")
        self.clear_text = bool(self._token) and parts.scheme == "http" and not _is_near(parts.hostname or "")
        self._session = ""

    def post(self, offer: str) -> str:
        """The answer to a session description. SinkError where there is none."""
        url = self._url
        for _ in range(_MOST_REDIRECTS):
            reply = self._ask("POST", url, offer.encode(), _ANSWER)
            if reply.status not in _REDIRECTS:
                return self._accept(reply, url)
            url = self._next(url, reply)
        raise SinkError(f"{self.name}: the server redirects in circles; wanted the address of a WHIP server")

    def _next(self, url: str, reply: _Reply) -> str:
        """Where a redirection leads; never from https to http, where the token would be seen."""
        target = _joined(url, reply.location)
        allowed = ("https",) if url.startswith("https:") else ("http", "https")
        if target.partition(":")[0] not in allowed:
            place = shown(f"whip+{target}").removeprefix("whip+")  # its path, too, may hold a key
            raise SinkError(f"{self.name}: the server redirects to {place or 'nowhere'}, wanted {' or '.join(allowed)}")
        return target

    def _accept(self, reply: _Reply, url: str) -> str:
        if reply.status in (401, 403) and self._token and not self._is_home(url):
            raise SinkError(f"{self.name}: the server redirects to another, which wants a token ({reply.status}); give that one's address")
        if not 200 <= reply.status < 300:
            raise SinkError(f"{self.name}: the server {_WHY.get(reply.status, f'answers {reply.status}; try again later')}")
        if not reply.body.startswith("v="):
            raise SinkError(f"{self.name}: the server answers, but not with a session description; is it the WHIP address?")
        session = _joined(url, reply.location)
        if not (url.startswith("https:") and session.startswith("http:")):
            self._session = session
        return reply.body

    def delete(self) -> None:
        """Ends the session, if there is one and its server still listens."""
        session, self._session = self._session, ""
        if session:
            with suppress(SinkError):
                self._ask("DELETE", session, None, _GOODBYE)

    def _ask(self, method: str, url: str, body: bytes | None, timeout: float) -> _Reply:
        headers = {"User-Agent": "livematte"}
        if body is not None:
            headers |= {"Content-Type": "application/sdp", "Accept": "application/sdp"}
        if self._token and self._is_home(url):
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with build_opener(_AsItIs).open(Request(url, body, headers, method=method), timeout=timeout) as reply:
                return _Reply(reply.status, reply.headers.get("Location", ""), reply.read(_LONGEST).decode("utf-8", "replace"))
        except HTTPError as error:
            with error:
                return _Reply(error.code, error.headers.get("Location", ""), "")
        except (OSError, HTTPException, ValueError) as error:
            self._unreachable(error)

    def _is_home(self, url: str) -> bool:
        return _origin(url) == _origin(self._url)

    def _unreachable(self, error: Exception) -> NoReturn:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = f"its certificate does not hold: {cause.verify_message}"
        elif isinstance(cause, ssl.SSLError):
            text = "no encrypted connection; is it whip+http:// there?"
        elif isinstance(cause, TimeoutError):
            text = "no answer; is the address right, and the server running?"
        elif isinstance(cause, HTTPException | ValueError) and not isinstance(cause, OSError):  # their text may hold the address
            text = f"no request can be made of it ({type(cause).__name__}); are there spaces or other such characters in it?"
        else:
            why = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
            text = f"cannot be reached: {why}; is the address right, and the server running?"
        raise SinkError(f"{self.name}: {text}") from error


class _Reply(NamedTuple):
    status: int
    location: str
    body: str


class _AsItIs(HTTPRedirectHandler):
    """Redirections are answers like others: by itself urllib would make a GET of a POST."""

    def http_error_302(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage) -> None:
        return None

    http_error_301 = http_error_307 = http_error_308 = http_error_302


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # brackets without end, a port that is no number
        pass
    raise SettingsError("the WHIP address has no host or a port that is none; wanted whip+https://host/path")


def _joined(url: str, location: str) -> str:
    """Where a server points; "" where that is nowhere."""
    try:
        target = urljoin(url, location) if location else ""
        _origin(target)
        return target
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port). ValueError for an address that is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _is_near(host: str) -> bool:
    """Whether it is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
