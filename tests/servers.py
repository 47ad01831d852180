"""Servers on this machine for streams to go through: nginx for RTMP, where it is installed, and a relay for RTSP."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from required import required

_RTMP_MODULES = [Path("/usr/lib/nginx/modules/ngx_rtmp_module.so"), Path("/usr/lib64/nginx/modules/ngx_rtmp_module.so")]
_START = 10.0  # seconds


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_nginx() -> bool:
    """Whether nginx and its RTMP module are here: Debian's packages nginx and libnginx-mod-rtmp."""
    return _nginx() is not None and any(module.exists() for module in _RTMP_MODULES)


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Nginx:
    """An RTMP server of one process with a folder of its own. url(name): where a stream of that name is sent to and played from."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        module = next(module for module in _RTMP_MODULES if module.exists())
        (folder / "nginx.conf").write_text(
            f"load_module {module};\n"
            f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
            "events { worker_connections 32; }\n"
            f"rtmp {{ server {{ listen 127.0.0.1:{self.port}; application live {{ live on; }} }} }}\n"
        )
        self.start()

    def url(self, name: str) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def start(self) -> None:
        command = [str(_nginx()), "-p", str(self._folder), "-e", str(self._folder / "error.log"), "-c", str(self._folder / "nginx.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _START
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def nginx(folder: Path) -> Nginx:
    """A server that runs; skips the test where there is none to be had, or fails it where one is required."""
    if not has_nginx():
        reason = "no nginx with RTMP here; on Debian: apt-get install libnginx-mod-rtmp"
        pytest.fail(reason) if required("nginx") else pytest.skip(reason)
    return Nginx(folder)


class RtspRelay:
    """An RTSP server for one stream, over TCP: what is recorded is played to everybody who asks. user: "name:password", "" for none."""

    def __init__(self, user: str = "") -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._user = base64.b64encode(user.encode()).decode()
        self._description = b""
        self._reports: dict[int, bytes] = {}  # by channel: the last that tells how its times go with the others'
        self._players: list[socket.socket] = []
        self._calls: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, user: str = "") -> str:
        return f"rtsp://{user}{'@' if user else ''}127.0.0.1:{self.port}/stream"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                call, _ = self._server.accept()
                self._calls.append(call)
                threading.Thread(target=self._serve, args=(call,), daemon=True).start()

    def _serve(self, call: socket.socket) -> None:
        with suppress(OSError, EOFError), call, call.makefile("rb") as lines:
            while first := lines.read(1):
                if first == b"$":
                    self._relay(first + _exactly(lines, 3), lines)
                else:
                    self._answer(call, (first + lines.readline()).decode(), lines)
        if call in self._players:
            self._players.remove(call)

    def _relay(self, head: bytes, lines: object) -> None:
        data = head + _exactly(lines, int.from_bytes(head[2:], "big"))
        if head[1] % 2:
            self._reports[head[1]] = data
        for player in list(self._players):
            with suppress(OSError):
                player.sendall(data)

    def _answer(self, call: socket.socket, request: str, lines: object) -> None:
        verb = request.split(maxsplit=1)[0]
        headers: dict[str, str] = {}
        while line := lines.readline().decode().strip():  # type: ignore[attr-defined]
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = _exactly(lines, int(headers.get("content-length", 0)))
        status, extra, content = "200 OK", "Session: 1\r\n", b""
        if self._user and verb != "OPTIONS" and self._user not in headers.get("authorization", ""):
            status, extra = "401 Unauthorized", 'WWW-Authenticate: Basic realm="relay"\r\n'
        elif verb == "ANNOUNCE":
            self._description = body
        elif verb == "DESCRIBE":
            content = self._description
            status = status if content else "404 Not Found"
            extra = f"Content-Type: application/sdp\r\nContent-Length: {len(content)}\r\n"
        elif verb == "SETUP":
            channels = re.search(r"interleaved=\d+-\d+", headers["transport"])
            status = status if channels else "461 Unsupported Transport"
            extra += f"Transport: RTP/AVP/TCP;unicast;{channels[0] if channels else ''}\r\n"
        call.sendall(f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', 0)}\r\n{extra}\r\n".encode() + content)
        if verb == "PLAY":
            call.sendall(b"".join(self._reports.values()))
            self._players.append(call)

    def close(self) -> None:
        for open_one in (self._server, *self._calls):
            with suppress(OSError):
                open_one.shutdown(socket.SHUT_RDWR)
            open_one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _exactly(lines: object, size: int) -> bytes:
    data: bytes = lines.read(size)  # type: ignore[attr-defined]
    if len(data) < size:
        raise EOFError
    return data
