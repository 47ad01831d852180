"""Networks of the user's own: what can be told of them is, the rest stands beside them, and what is left is named."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import small_networks as small
import torch
from drawn_person import drawn_source
from scenes import frame_of, room_scene

from livematte.engines.graphs import open_graph
from livematte.errors import SettingsError, WeightsError
from livematte.matting.canvas import SmallAlpha
from livematte.matting.pictures.opened import open_own
from livematte.matting.pictures.own import Recognised, recognise
from livematte.matting.pictures.picture import OwnPlateEngine, PictureEngine
from livematte.matting.pictures.sidecar import read_sidecar
from livematte.matting.recurrent import RecurrentMatter
from livematte.metrics import mad

SIZE = (48, 32)
SRC = drawn_source(SIZE)
LOW, HIGH = 0.01, 0.99


def opened(path: Path, **values: str) -> PictureEngine | OwnPlateEngine:
    return open_own(path, device="cpu", precision="fp32", threads=1, **values)


def picture_engine(path: Path, **values: str) -> PictureEngine:
    engine = opened(path, **values)
    assert isinstance(engine, PictureEngine)
    return engine


def found(path: Path, wanted: str | None = None) -> Recognised:
    return recognise(open_graph(path, device="cpu", precision="fp32", threads=1), read_sidecar(path), wanted=wanted)


def sure(pha: np.ndarray) -> np.ndarray:
    """Alpha by the levels of a network that gives alpha."""
    return np.clip((pha - LOW) / (HIGH - LOW), 0, 1)


def beside(path: Path, text: str) -> Path:
    path.with_suffix(".toml").write_text(text, encoding="utf-8")
    return path


# picture -> alpha


@pytest.mark.parametrize("shape", [small.NCHW, small.NHWC, (1, 3, 64, 96), ("b", 3, "h", "w")])
def test_a_picture_and_its_alpha(tmp_path: Path, shape: tuple[small.Side, ...]) -> None:
    path = small.brightness(tmp_path / "net.onnx", shape=shape)
    recognised = found(path)
    assert recognised.kind == "picture"
    assert recognised.network.wish.layout == ("nhwc" if shape == small.NHWC else "nchw")
    assert recognised.network.wish.size == ((96, 64) if 64 in shape else None)
    coef, rec = picture_engine(path).run(SRC, None)
    assert rec == ()
    at_own_size = SmallAlpha(coef, SRC).pha
    assert np.abs(at_own_size - sure(SRC.mean(0))).mean() < (0.02 if 64 in shape else 1e-4)  # of another size it is resampled twice


def test_sides_that_all_vary_are_told_by_the_name(tmp_path: Path) -> None:
    path = small.save(
        tmp_path / "net.onnx",
        [small.node("ReduceMean", "image", "alpha", axes=[1], keepdims=1)],
        [("image", small.FLOAT, ("a", "b", "c", "d"))],
        [("alpha", small.FLOAT, ("a", "e", "c", "d"))],
    )
    assert found(path).kind == "picture"


def test_logits_are_told_by_what_comes_out(tmp_path: Path) -> None:
    coef, _ = picture_engine(small.brightness(tmp_path / "net.onnx", logits=True)).run(SRC, None)
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, sure(1 / (1 + np.exp(-10 * (SRC.mean(0) - 0.5)))), atol=1e-3)


def test_a_network_of_code_values(tmp_path: Path) -> None:
    path = small.of_bytes(tmp_path / "net.onnx")
    assert found(path).network.wish.dtype == "uint8"
    coef, _ = picture_engine(path).run(SRC, None)
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, sure(SRC[0]), atol=3e-3)  # half a code value, and the levels


def test_of_several_outputs_alpha_is_told_by_its_name_else_the_first_with_one_channel(tmp_path: Path) -> None:
    nodes = [
        small.node("ReduceMax", "input", "coarse", axes=[1], keepdims=1),
        small.node("ReduceMean", "input", "last", axes=[1], keepdims=1),
    ]
    inputs, outputs = [("input", small.FLOAT, small.NCHW)], [(name, small.FLOAT, (1, 1, "h", "w")) for name in ("coarse", "last")]
    assert found(small.save(tmp_path / "a.onnx", nodes, inputs, outputs)).network.ports.pha == 0
    nodes[1] = small.node("ReduceMean", "input", "alpha", axes=[1], keepdims=1)
    assert found(small.save(tmp_path / "b.onnx", nodes, inputs, [outputs[0], ("alpha", *outputs[1][1:])])).network.ports.pha == 1
    beside(small.save(tmp_path / "c.onnx", nodes, inputs, [outputs[0], ("alpha", *outputs[1][1:])]), 'output = "coarse"')
    assert found(tmp_path / "c.onnx").network.ports.pha == 0


def test_an_output_that_lies_another_way_than_the_picture(tmp_path: Path) -> None:
    nodes = [
        small.node("Transpose", "input", "first", perm=[0, 3, 1, 2]),
        small.node("Conv", "first weight", "scores"),
    ]
    weight = np.eye(5, 3, dtype=np.float32).reshape(5, 3, 1, 1) * 8
    inputs, outputs = [("input", small.FLOAT, small.NHWC)], [("scores", small.FLOAT, (1, 5, "h", "w"))]
    path = small.save(tmp_path / "net.onnx", nodes, inputs, outputs, weight=weight)
    recognised = found(path, "1")
    assert recognised.kind == "classes"
    seen = recognised.network.see(SRC).pha
    powers = np.exp(8 * SRC)
    np.testing.assert_allclose(seen, powers[1] / (powers.sum(0) + 2), atol=1e-5)


# picture and states


@pytest.mark.parametrize("names", [("r1i", "r1o"), ("h_in", "h_out"), ("state", "next_state"), ("past", "present"), ("memory", "other")])
@pytest.mark.parametrize("known", [True, False])
def test_states_are_told_by_their_names_or_because_they_are_left(tmp_path: Path, names: tuple[str, str], known: bool) -> None:
    path = small.averaging(tmp_path / "net.onnx", names=names, known=known)
    recognised = found(path)
    assert recognised.kind == "recurrent"
    assert recognised.network.ports.states == ((1, 1),)
    for runtime in ("openvino", "onnxruntime"):
        engine, rec = picture_engine(path, runtime=runtime), None
        assert (engine.recurrent, engine.parts) == (True, False)
        for share in (0.5, 0.75, 0.875):
            coef, rec = engine.run(SRC, rec)
            np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, sure(SRC.mean(0) * share), atol=1e-3)


def test_states_in_another_order_than_their_outputs(tmp_path: Path) -> None:
    nodes = [
        small.node("ReduceMean", "src", "mean", axes=[1], keepdims=1),
        small.node("Add", "mean one", "pha"),
        small.node("Identity", "two", "first"),
        small.node("Identity", "pha", "second"),
    ]
    state = (1, 1, "h", "w")
    inputs = [("src", small.FLOAT, small.NCHW), ("one", small.FLOAT, state), ("two", small.FLOAT, state)]
    path = small.save(tmp_path / "net.onnx", nodes, inputs, [(name, small.FLOAT, state) for name in ("first", "pha", "second")])
    assert found(path).network.ports.states == ((1, 0), (2, 2)), "in order, if nobody says otherwise"
    beside(path, 'states = {one = "second", two = "first"}')
    assert found(path).network.ports.states == ((1, 2), (2, 0))


def test_the_released_rvm_graph_as_anybodys_network(rvm_path: Path) -> None:
    """Its states' sides are all unknown, a ratio is wanted, and it gives the foreground's colour."""
    recognised = found(rvm_path)
    ports = recognised.network.ports
    assert recognised.kind == "recurrent"
    assert (len(ports.states), len(ports.others), ports.fgr is not None) == (4, 1, True)
    engine, session, rec = picture_engine(rvm_path), onnxruntime.InferenceSession(rvm_path), None
    states = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    for step in range(3):
        src = drawn_source((128, 96), step)
        coef, rec = engine.run(src, rec)
        names = ["src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio"]
        given = dict(zip(names, [src[None], *states, np.ones(1, np.float32)], strict=True))
        fgr, pha, *states = session.run(["fgr", "pha", "r1o", "r2o", "r3o", "r4o"], given)
        np.testing.assert_allclose(SmallAlpha(coef, src).pha, sure(pha[0, 0]), atol=5e-3)
        colour = src + coef[:3] * src + coef[4:7]
        np.testing.assert_allclose(colour, fgr[0], atol=5e-3)
    matter = RecurrentMatter(engine, detail=256)
    phas, true = [], []
    for step in range(4):
        scene = room_scene((512, 288), seed=2, step=step)
        phas.append(matter.step(frame_of(scene.src, pts=step)).pha)
        true.append(scene.pha)
    assert mad(np.stack(phas), np.stack(true)) < 60  # it sees the drawn person; what is measured here is the way, not the network


# picture and plate


@pytest.mark.parametrize("names", [("src", "bgr"), ("bgr", "src"), ("x", "y")])
def test_a_picture_and_its_plate(tmp_path: Path, names: tuple[str, str]) -> None:
    path = small.difference(tmp_path / "net.onnx", names=names)
    recognised = found(path)
    assert recognised.kind == "plate"
    assert (recognised.network.ports.src, recognised.network.ports.bgr) == ((1, 0) if names[0] == "bgr" else (0, 1))
    engine = opened(path)
    assert isinstance(engine, OwnPlateEngine)
    plate = drawn_source(SIZE, 9)
    pha, fgr = engine.run(SRC, plate)
    np.testing.assert_allclose(pha, sure(np.abs(SRC - plate).max(0)), atol=1e-5)
    np.testing.assert_allclose(fgr, plate if names[0] == "bgr" else SRC, atol=1e-6)  # it gives its first input as the colour
    assert engine.describe == "openvino on cpu, fp32, 1 threads"
    with pytest.raises(ValueError, match=r"got a picture of \(3, 32, 48\) and a plate of \(3, 16, 16\), wanted one size"):
        engine.run(SRC, drawn_source((16, 16)))


def test_a_plate_network_without_colour_gives_the_pictures(tmp_path: Path) -> None:
    engine = opened(small.difference(tmp_path / "net.onnx", fgr=False))
    assert isinstance(engine, OwnPlateEngine)
    pha, fgr = engine.run(SRC, SRC)
    assert not pha.any()
    np.testing.assert_array_equal(fgr, SRC)


# TorchScript


class Recurrent(torch.nn.Module):
    def forward(self, src: torch.Tensor, r1: torch.Tensor | None = None, ratio: float = 1.0) -> list[torch.Tensor]:
        pha = src.mean(1, keepdim=True) * 0.5
        if r1 is not None:
            pha = pha + 0.5 * r1
        return [src, pha, pha]


def test_a_torchscript_network_with_a_state_that_may_be_left_out(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.script(Recurrent()).save(str(tmp_path / "net.pt"))  # type: ignore[no-untyped-call]
    recognised = found(tmp_path / "net.pt")
    assert recognised.kind == "recurrent"
    assert (recognised.network.ports.fgr, recognised.network.ports.pha, recognised.network.ports.states) == (0, 1, ((1, 2),))
    engine, rec = picture_engine(tmp_path / "net.pt"), None
    for share in (0.5, 0.75):
        coef, rec = engine.run(SRC, rec)
        np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, sure(SRC.mean(0) * share), atol=1e-4)


class Difference(torch.nn.Module):
    def forward(self, src: torch.Tensor, bgr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (src - bgr).abs().max(1, keepdim=True)[0], src


@pytest.mark.parametrize("runtime", ["auto", "torch"])
def test_a_torchscript_network_with_a_plate(tmp_path: Path, runtime: str) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.script(Difference()).save(str(tmp_path / "net.pt"))  # type: ignore[no-untyped-call]
    engine = opened(tmp_path / "net.pt", runtime=runtime)
    assert isinstance(engine, OwnPlateEngine)
    plate = drawn_source(SIZE, 9)
    pha, fgr = engine.run(SRC, plate)
    np.testing.assert_allclose(pha, sure(np.abs(SRC - plate).max(0)), atol=1e-5)
    np.testing.assert_allclose(fgr, SRC, atol=1e-6)


# what cannot be told


def test_an_input_that_nobody_knows_is_named_with_all_there_is(tmp_path: Path) -> None:
    nodes = [small.node("ReduceMean", "src", "mean", axes=[1], keepdims=1), small.node("Mul", "mean strength", "pha")]
    inputs = [("src", small.FLOAT, small.NCHW), ("strength", small.FLOAT, (1,))]
    path = small.save(tmp_path / "net.onnx", nodes, inputs, [("pha", small.FLOAT, (1, 1, "h", "w"))])
    with pytest.raises(WeightsError) as error:
        found(path)
    assert str(error.value) == (
        "cannot tell what strength is for: its inputs are src float32 (1, 3, ?, ?), strength float32 (1); "
        f"its outputs are pha float32 (1, 1, ?, ?)\nSay it in {tmp_path / 'net.toml'}: input, plate, output, states, values, layout"
    )
    beside(path, "[values]\nstrength = 0.5")
    coef, _ = picture_engine(path).run(SRC, None)
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, sure(SRC.mean(0) / 2), atol=1e-4)


def test_a_network_of_something_else(tmp_path: Path) -> None:
    path = small.save(
        tmp_path / "words.onnx",
        [small.node("Identity", "tokens", "same")],
        [("tokens", small.FLOAT, (1, 77))],
        [("same", small.FLOAT, (1, 77))],
    )
    with pytest.raises(WeightsError, match=r"cannot tell which input is the picture: its inputs are tokens float32 \(1, 77\)"):
        found(path)
    path = small.save(
        tmp_path / "classifier.onnx",
        [small.node("GlobalAveragePool", "input", "pooled"), small.node("Flatten", "pooled", "scores")],
        [("input", small.FLOAT, small.NCHW)],
        [("scores", small.FLOAT, (1, 3))],
    )
    with pytest.raises(WeightsError, match=r"cannot tell which output is alpha: .*its outputs are scores float32 \(1, 3\)"):
        found(path)
    names = ("src", "bgr", "bg")
    path = small.save(
        tmp_path / "three.onnx",
        [small.node("Sum", " ".join(names), "pha")],
        [(name, small.FLOAT, small.NCHW) for name in names],
        [("pha", small.FLOAT, small.NCHW)],
    )
    with pytest.raises(WeightsError, match="cannot tell which input is the plate"):
        found(path)


def test_a_network_that_wants_other_sizes_says_what_to_do(tmp_path: Path) -> None:
    """Exported with its size in it, which no side of its input shows."""
    reshape = small.node("Reshape", "input shape", "flat")
    path = small.save(
        tmp_path / "net.onnx",
        [reshape, small.node("ReduceMean", "flat", "pha", axes=[1], keepdims=1)],
        [("input", small.FLOAT, small.NCHW)],
        [("pha", small.FLOAT, (1, 1, 96, 96))],
        shape=np.array([1, 3, 96, 96]),
    )
    with pytest.raises(WeightsError, match=r"the network does not run: .*\nSay what it wants in .*net\.toml: size, multiple, layout"):
        found(path)
    beside(path, "size = [96, 96]")
    assert found(path).network.wish.size == (96, 96)


@pytest.mark.parametrize("step", [1, 16, 32, 64])
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_what_sides_must_be_multiples_of_is_found_out(tmp_path: Path, step: int, runtime: str) -> None:
    path = small.coarse(tmp_path / "net.onnx", step)
    engine = picture_engine(path, runtime=runtime)
    assert engine._network.wish.multiple == max(16, step)
    assert engine.run(drawn_source((200, 120)), None)[0].shape == (8, 120, 200)


def test_a_picture_that_the_network_does_not_take(tmp_path: Path) -> None:
    path = beside(small.coarse(tmp_path / "net.onnx", 32), "multiple = 16")
    with pytest.raises(WeightsError, match=r"the network does not run: .*\nSay what it wants"):
        opened(path)
    beside(path, "multiple = 96")
    engine = picture_engine(path)
    engine._network.wish = replace(engine._network.wish, multiple=1)
    with pytest.raises(SettingsError, match="the network does not take a picture of 48x40: "):
        engine.run(drawn_source((48, 40)), None)


# the sidecar


def test_what_the_sidecar_says_of_the_picture(tmp_path: Path) -> None:
    path = small.brightness(tmp_path / "net.onnx")
    beside(path, 'range = "-1..1"\norder = "bgr"\nmultiple = 32\nactivation = "sigmoid"\nlevels = [0.2, 0.8]')
    recognised = found(path)
    wish = recognised.network.wish
    assert (wish.mean, wish.std, wish.order, wish.multiple, recognised.levels) == ((0.5,) * 3, (0.5,) * 3, "bgr", 32, (0.2, 0.8))
    coef, _ = picture_engine(path).run(SRC, None)
    np.testing.assert_allclose(SmallAlpha(coef, SRC).pha, np.clip((1 / (1 + np.exp(1 - 2 * SRC.mean(0))) - 0.2) / 0.6, 0, 1), atol=1e-3)
    beside(path, "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]")
    assert found(path).network.wish.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inputs = 'src'", r"net\.toml: there is no key 'inputs'; wanted one of input, plate, output, foreground, states, values, mean"),
        ("input = 3", "input is 3; wanted the name of the picture's input"),
        ("mean = [0.5, 0.5]", r"mean is \[0\.5, 0\.5\]; wanted three numbers"),
        ("std = [1, 0, 1]", "wanted three numbers that are not 0"),
        ("range = '0..2'", r"range is '0\.\.2'; wanted \"0\.\.1\", \"-1\.\.1\" or \"0\.\.255\""),
        ("range = '0..1'\nmean = [0, 0, 0]", "range and mean or std exclude each other"),
        ("layout = 'hwc'", 'layout is \'hwc\'; wanted "nchw" or "nhwc"'),
        ("size = [8, 8]", r"wanted \[width, height\], each from 16"),
        ("multiple = 0", "multiple is 0; wanted a whole number from 1 to 512"),
        ("states = ['r1i']", "wanted a table of inputs and their next"),
        ("values = {ratio = 'half'}", "wanted a table of inputs and their numbers"),
        ("activation = 'relu'", 'wanted "none", "sigmoid", "softmax" or "bytes"'),
        ("levels = [0.8, 0.2]", r"levels is \[0\.8, 0\.2\]; wanted \[low, high\]"),
        ("classes = 'person'", "wanted a list of names"),
        ("input = ", r"net\.toml is no TOML"),
    ],
)
def test_what_the_sidecar_must_not_say(tmp_path: Path, text: str, message: str) -> None:
    path = beside(small.brightness(tmp_path / "net.onnx"), text)
    with pytest.raises(SettingsError, match=message):
        opened(path)


def test_a_name_that_the_network_does_not_have(tmp_path: Path) -> None:
    path = beside(small.brightness(tmp_path / "net.onnx"), 'output = "mask"')
    with pytest.raises(WeightsError, match=r"cannot tell which is 'mask', that the file beside it names: its inputs are input"):
        opened(path)
