"""Any network as a graph: files and modules, the same numbers from each runtime, and clear words for what is refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_networks as small
import torch
from drawn_person import drawn_source

from livematte.engines import graphs_openvino
from livematte.engines.graphs import Graph, Port, open_graph
from livematte.engines.openvino_engine import multiplies_bf16
from livematte.errors import EngineError, SettingsError, WeightsError

SIZE = (48, 32)


class Blur(torch.nn.Module):
    """A network of two convolutions, with numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, src: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.last(torch.relu(self.first(src))))


class Mixed(torch.nn.Module):
    """As a script it keeps its inputs' names, and what may be left out."""

    def forward(self, src: torch.Tensor, before: torch.Tensor | None = None, ratio: float = 1.0) -> list[torch.Tensor]:
        pha = src.mean(1, keepdim=True) * ratio
        if before is not None:
            pha = (pha + before) / 2
        return [src, pha, pha]


class Saving(torch.nn.Module):
    def forward(self, src: torch.Tensor) -> torch.Tensor:
        torch.save(src, "written.by.a.network")
        return src


@pytest.fixture
def net() -> Blur:
    torch.manual_seed(0)
    return Blur().eval()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[torch.nn.Module], Path]:
    """script(module) -> a file of its TorchScript."""

    def make(module: torch.nn.Module, *, name: str = "net.ts") -> Path:
        with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated, and what people have
            torch.jit.script(module).save(str(tmp_path / name))  # type: ignore[no-untyped-call]
        return tmp_path / name

    return make


def picture(step: int = 0) -> np.ndarray:
    return drawn_source(SIZE, step)[None]


def opened(net: Any, **values: Any) -> Graph:
    return open_graph(net, **{"device": "cpu", "precision": "fp32", "threads": 1, **values})


def exact(net: torch.nn.Module, src: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return net(torch.from_numpy(src)).numpy()


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_an_onnx_file_tells_its_ports_and_runs_at_any_size(tmp_path: Path, runtime: str) -> None:
    graph = opened(small.brightness(tmp_path / "net.onnx"), runtime=runtime)
    assert graph.inputs == (Port("input", (1, 3, None, None), "float32"),)
    assert graph.outputs == (Port("output", (1, 1, None, None), "float32"),)
    assert graph.describe == f"{runtime} on cpu, fp32, 1 threads"
    for size in (SIZE, (33, 21)):
        src = drawn_source(size)[None]
        (pha,) = graph.run([src])
        np.testing.assert_allclose(pha, src.mean(1, keepdims=True), atol=1e-6)
    kept = graph.run([picture(0)])[0]
    before = kept.copy()
    graph.run([picture(3)])
    np.testing.assert_array_equal(kept, before, "what a run gave is the caller's")


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_a_module_runs_in_either_runtime_at_any_size(net: Blur, runtime: str) -> None:
    graph = opened(net, runtime=runtime)
    assert graph.name == runtime
    assert [port.name for port in graph.inputs] == ["src"]
    for size in (SIZE, (65, 40)):
        src = drawn_source(size)[None]
        np.testing.assert_allclose(graph.run([src])[0], exact(net, src), atol=1e-5)


@pytest.mark.parametrize("runtime", ["auto", "torch"])
def test_a_torchscript_file_runs(net: Blur, script: Callable[..., Path], runtime: str) -> None:
    graph = opened(script(net), runtime=runtime)
    assert graph.name == {"auto": "openvino", "torch": "torch"}[runtime]
    assert graph.inputs == (Port("src", (None, 3, None, None), "float32"),)
    np.testing.assert_allclose(graph.run([picture()])[0], exact(net, picture()), atol=1e-5)


def test_what_openvino_cannot_read_torch_runs_and_says_so(script: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    path = script(Mixed())
    graph = opened(path)
    assert graph.name == "torch"
    assert "openvino" in caplog.text
    assert "torch runs it" in caplog.text
    assert [(port.name, port.dtype, port.optional) for port in graph.inputs] == [
        ("src", "float32", False),
        ("before", "float32", True),
        ("ratio", "float", True),
    ]
    assert [port.shape for port in graph.outputs] == [(1, 3, None, None), (1, 1, None, None), (1, 1, None, None)]
    mean = picture().mean(1, keepdims=True)
    np.testing.assert_allclose(graph.run([picture(), None, None])[1], mean, atol=1e-6)
    np.testing.assert_allclose(graph.run([picture(), np.zeros_like(mean), None])[1], mean / 2, atol=1e-6)
    with pytest.raises(EngineError, match=r"openvino (.* cannot read the network|sees 1 of its 3 inputs)"):
        opened(path, runtime="openvino")


def test_a_program_that_opens_files_is_refused_before_it_is_loaded(
    script: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = script(Saving())
    monkeypatch.setattr(torch.jit, "load", lambda *args, **values: pytest.fail("it was loaded"))
    with pytest.raises(WeightsError, match=r"net\.ts is refused: its program opens files \(save\)"):
        opened(path)
    assert not (tmp_path / "written.by.a.network").exists()


class Nested(torch.nn.Module):
    """Exported, its layers are got by names that are no words: getattr(self.layers, "0")."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1)), torch.nn.Sigmoid())

    def forward(self, src: torch.Tensor) -> torch.Tensor:
        return self.layers(src)


Members = dict[str, bytes]


def rewritten(path: Path, change: Callable[[Members], list[tuple[str, bytes]]]) -> Path:
    """The zip again, of the members that `change` makes of its own."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w") as archive:  # of names that come twice
        for name, content in change(members):
            archive.writestr(name, content)
    return path


def saying(program: bytes) -> Callable[[Members], list[tuple[str, bytes]]]:
    return lambda members: [(name, program if name.endswith(".py") else content) for name, content in members.items()]


def renamed(members: Members) -> list[tuple[str, bytes]]:
    return [(name.replace(".py", ".PY"), content) for name, content in members.items()]


def doubled(members: Members) -> list[tuple[str, bytes]]:
    return [*members.items(), *((name.upper(), content) for name, content in members.items() if name.endswith(".py"))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (saying(b"torch. save(x)"), r"opens files \(save\)"),
        (saying(b"torch .save(x)"), r"opens files \(save\)"),
        (saying(b"(torch # the name\n . \\\n save)(x)"), r"opens files \(save\)"),
        (saying(b"ops.aten. save(x)"), r"opens files \(save\)"),
        (saying(b"o = ops.aten\no.from_file(x)"), r"opens files \(from_file\)"),
        (saying(b"getattr(torch, 'save')(x)"), r"opens files \(save\)"),
        (saying(b'getattr(torch, "sa" "ve")(x)'), r"hides what it calls \(getattr\)"),
        (saying(b'getattr(torch, "\\x73ave")(x)'), r"hides what it calls \(getattr\)"),
        (renamed, r"opens files \(save\)"),
        (doubled, "it holds two files of one name"),
        (saying(b" " * ((64 << 20) + 1)), "its program is larger than 64 MB"),
        (lambda members: [*members.items(), ("net/model.json", b"{}")], "is TorchScript of an old format"),
    ],
)
def test_a_program_cannot_hide_that_it_opens_files(
    script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, change: Callable[[Members], list[tuple[str, bytes]]], message: str
) -> None:
    path = rewritten(script(Saving()), change)
    monkeypatch.setattr(torch.jit, "load", lambda *args, **values: pytest.fail("it was loaded"))
    with pytest.raises(WeightsError, match=message):
        opened(path)


def test_a_program_that_only_looks_so_runs(script: Callable[..., Path]) -> None:
    """Layers by numbers; and traced, where one such name stands in another."""
    net = Nested().eval()
    path = script(net)
    np.testing.assert_allclose(opened(path, runtime="torch").run([picture()])[0], exact(net, picture()), atol=1e-6)
    with warnings.catch_warnings(action="ignore"):
        torch.jit.trace(net, torch.from_numpy(picture())).save(str(path))  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(path) as archive:
        assert any(b"getattr(" in archive.read(name) for name in archive.namelist())
    np.testing.assert_allclose(opened(path, runtime="torch").run([picture()])[0], exact(net, picture()), atol=1e-6)


class Planted:
    def __reduce__(self) -> Any:
        return os.mkdir, ("planted",)


def test_a_pickle_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.pt").write_bytes(pickle.dumps(Planted()))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "state.pth")
    with zipfile.ZipFile(tmp_path / "zipped.pt", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(Planted()))
    for name, message in (("code.pt", "no TorchScript"), ("state.pth", "holds no program"), ("zipped.pt", "holds no program")):
        with pytest.raises(WeightsError, match=message):
            opened(tmp_path / name)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_damaged_graphs(tmp_path: Path, runtime: str) -> None:
    whole = small.classes(tmp_path / "whole.onnx").read_bytes()
    for name, content in (("cut.onnx", whole[: len(whole) // 2]), ("empty.onnx", b""), ("text.onnx", b"<html>not found</html>")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=f"{name} is damaged, or no .*; fetch or export it anew"):
            opened(tmp_path / name, runtime=runtime)


def test_damaged_programs(net: Blur, script: Callable[..., Path], tmp_path: Path) -> None:
    whole = script(net).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[:-300])
    with pytest.raises(WeightsError, match=r"cut\.ts is damaged"):
        opened(tmp_path / "cut.ts")
    named = whole.replace(b"net/code/", b"net/\xff\xfe\xff\xfe/")  # no UTF-8, where the zip says that names are
    (tmp_path / "named.ts").write_bytes(named)
    with pytest.raises(WeightsError, match=r"named\.ts (is damaged|holds)"):
        opened(tmp_path / "named.ts")
    packed = tmp_path / "packed.ts"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/constants.pkl", b"")
        archive.writestr("net/code/net.py", bytes(1000))
    content = bytearray(packed.read_bytes())
    at = content.index(b"net/code/net.py") + len("net/code/net.py")
    content[at : at + 4] = b"\xff" * 4  # what zlib makes nothing of
    packed.write_bytes(content)
    with pytest.raises(WeightsError, match=r"packed\.ts is damaged"):
        opened(packed)
    (tmp_path / "net.tflite").write_bytes(b"TFL3" * 10)
    with pytest.raises(WeightsError, match=r"net\.tflite is damaged, or no \.tflite network"):
        opened(tmp_path / "net.tflite")


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, net: Blur) -> None:
    path = small.brightness(tmp_path / "net.onnx", shape=(1, 3, 32, 48))
    for runtime in ("openvino", "onnxruntime"):
        with pytest.raises(ValueError, match=r"which the network does not take.*wanted input float32 \(1, 3, 32, 48\)"):
            opened(path, runtime=runtime).run([drawn_source((64, 64))[None]])
    with pytest.raises(ValueError, match=r"got float64 .*, which the network does not take; wanted input float32"):
        opened(path).run([picture().astype(np.float64)])
    with pytest.raises(ValueError, match=r"the network fails with src \(1, 4, 8, 8\)"):
        opened(net, runtime="torch").run([np.zeros((1, 4, 8, 8), np.float32)])


@pytest.mark.parametrize(
    ("name", "values", "error", "message"),
    [
        ("net.h5", {}, SettingsError, r"cannot run net\.h5; wanted a network as one of \.onnx, \.tflite, \.pt"),
        ("none.onnx", {}, WeightsError, "there is no network at"),
        ("net.onnx", {"runtime": "torch"}, EngineError, r"torch does not run \.onnx networks; wanted --runtime openvino or onnxruntime"),
        ("net.onnx", {"device": "cuda"}, EngineError, r"\.onnx networks run on the cpu, got device cuda"),
        ("net.onnx", {"precision": "int8"}, EngineError, "openvino runs networks on the cpu in fp32 or bf16; got cpu in int8"),
        ("net.onnx", {"runtime": "onnxruntime", "precision": "bf16"}, EngineError, "onnxruntime runs networks in fp32, got bf16"),
        ("net.onnx", {"runtime": "fast"}, SettingsError, "unknown runtime 'fast'"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, name: str, values: dict[str, str], error: type[Exception], message: str) -> None:
    small.brightness(tmp_path / "net.onnx")
    (tmp_path / "net.h5").touch()
    with pytest.raises(error, match=message):
        opened(tmp_path / name, **values)


def test_shapes_that_follow_from_the_picture_are_known(tmp_path: Path) -> None:
    """A state's zeros are made by them."""
    graph = opened(small.averaging(tmp_path / "net.onnx", known=False))
    assert graph.inputs[1].shape == (None,) * 4
    assert [shape[2:] for shape in graph.infer([(1, 3, 32, 48), None])] == [(32, 48)] * 2


def test_a_size_is_prepared_in_the_background(net: Blur) -> None:
    graph = opened(net)
    while not graph.ready([(1, 3, 32, 48)]):
        pass
    assert not graph.making
    np.testing.assert_allclose(graph.run([picture()])[0], exact(net, picture()), atol=1e-5)


@pytest.mark.skipif(not multiplies_bf16(), reason="this processor does not multiply bf16")
def test_bf16_is_used_where_the_first_picture_bears_it(net: Blur, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = opened(net, precision="auto")
    graph.rehearse([np.zeros((1, 3, 32, 48), np.float32)])
    assert graph.precision == "fp32", "a rehearsal decides nothing"
    first = graph.run([picture()])[0]
    assert graph.precision == "bf16"
    off = np.abs(graph.run([picture()])[0] - first)
    assert 0 < off.max() < 0.03  # what graphs_openvino.py allows
    monkeypatch.setattr(graphs_openvino, "_MOST_OFF", 1e-6)
    strict = opened(net, precision="auto")
    strict.run([picture()])
    assert strict.precision == "fp32"


def test_openvino_reads_modules_without_its_telemetry(tmp_path: Path) -> None:
    code = """
import sys, torch
from livematte.engines.graphs import open_graph
open_graph(torch.nn.Conv2d(3, 1, 1), device="cpu", threads=1)
print("openvino" in sys.modules, "openvino_telemetry" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]
    assert list(tmp_path.iterdir()) == []
