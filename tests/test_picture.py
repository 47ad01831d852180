"""Networks that look at one picture at a time: their alpha at full size by laws, and that people are followed with them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import small_networks as small
from drawn_person import drawn_source
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scenes import Scene, frame_of, room_scene

from livematte.engines import open_engine
from livematte.engines.graphs import Port, open_graph
from livematte.errors import EngineError, WeightsError
from livematte.frame import Frame
from livematte.matting.canvas import SmallAlpha
from livematte.matting.coefficients import foreground, from_alpha
from livematte.matting.pictures.network import Network, Ports, Wish, alpha_of
from livematte.matting.pictures.opened import open_modnet
from livematte.matting.pictures.picture import PictureEngine
from livematte.matting.recurrent import RecurrentMatter
from livematte.matting.refine import refine
from livematte.metrics import grad, mad
from livematte.networks.modnet_input import network_size

SMALL = (512, 288)


def reduced(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What a network sees, (3, h, w), and the true alpha there."""
    frame = frame_of(scene.src)
    return frame.rgb(SMALL).transpose(2, 0, 1), cv2.resize(scene.pha, SMALL, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return room_scene((1920, 1080), seed=1)


# coefficients


@given(arrays.arrays(np.float32, (3, 12, 16), elements=st.floats(0, 1, width=32)), st.sampled_from([0.0, 1.0]))
def test_alpha_that_is_0_or_1_stays_exactly_that_whatever_the_picture(src_sm: np.ndarray, value: float) -> None:
    coef = from_alpha(src_sm, np.full((12, 16), value, np.float32))
    assert (coef[3] == 0).all()
    assert (coef[7] == value).all()


@given(
    arrays.arrays(np.float32, (3, 12, 16), elements=st.floats(0, 1, width=32)),
    arrays.arrays(np.float32, (12, 16), elements=st.floats(0, 1, width=32)),
)
def test_what_went_in_comes_out_at_its_own_size(src_sm: np.ndarray, pha_sm: np.ndarray) -> None:
    coef = from_alpha(src_sm, pha_sm)
    np.testing.assert_allclose(SmallAlpha(coef, src_sm).pha, pha_sm, atol=1e-4)  # A reaches 250: 1/2 over twice the root of its epsilon
    assert np.isfinite(coef).all()


def test_where_it_is_decided_the_frame_keeps_its_bits(scene: Scene) -> None:
    frame = frame_of(scene.src)
    src_sm, pha_sm = reduced(scene)
    matte = refine(frame, from_alpha(src_sm, pha_sm))
    far = cv2.erode((scene.pha >= 1).astype(np.uint8), np.ones((25, 25))).astype(bool)  # two samples of the small picture and more
    near = cv2.dilate((scene.pha > 0).astype(np.uint8), np.ones((25, 25))).astype(bool)
    assert far.mean() > 0.1
    assert (matte.pha[far] == 1).all()
    assert (matte.pha[~near] == 0).all()
    np.testing.assert_array_equal(matte.fgr.planes[0][far], frame.planes[0][far])


def test_full_size_is_sharper_than_what_is_merely_enlarged(scene: Scene) -> None:
    frame = frame_of(scene.src)
    src_sm, pha_sm = reduced(scene)
    guided = refine(frame, from_alpha(src_sm, pha_sm)).pha[None]
    enlarged, true = cv2.resize(pha_sm, frame.size, interpolation=cv2.INTER_LINEAR)[None], scene.pha[None]
    assert mad(guided, true) < 0.8 * mad(enlarged, true)
    assert grad(guided, true) < 0.6 * grad(enlarged, true)


def test_the_foregrounds_colour_is_nearer_to_the_truth_than_the_pictures(scene: Scene) -> None:
    src_sm, pha_sm = reduced(scene)
    true = cv2.resize(scene.fgr, SMALL, interpolation=cv2.INTER_AREA)
    partly = (pha_sm > 0.05) & (pha_sm < 0.95)
    src = src_sm.transpose(1, 2, 0)
    off = np.abs(foreground(np.ascontiguousarray(src), pha_sm) - true)[partly]
    assert off.mean() < 0.4 * np.abs(src - true)[partly].mean()


def test_a_colour_that_the_network_gives_is_used() -> None:
    src_sm, fgr = drawn_source((32, 24)), np.full((3, 24, 32), 0.25, np.float32)
    coef = from_alpha(src_sm, np.full((24, 32), 0.5, np.float32), fgr)
    np.testing.assert_allclose(src_sm + coef[:3] * src_sm + coef[4:7], fgr, atol=1e-6)


# what a network is given


def test_sides_are_filled_up_to_multiples_and_what_comes_back_is_cut() -> None:
    src_sm = drawn_source((50, 35))
    wish = Wish(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), multiple=32)
    given_ = wish.fed(src_sm)
    assert given_.shape == wish.shape((50, 35)) == (1, 3, 64, 64)
    np.testing.assert_allclose(given_[0, :, :35, :50], src_sm * 2 - 1, atol=1e-6)
    np.testing.assert_array_equal(given_[0, :, 35:, :50], np.repeat(given_[0, :, 34:35, :50], 29, axis=1))


def test_what_comes_back_smaller_is_not_squeezed() -> None:
    """A network of half its input's size gives what its sides were filled up with, too."""

    class Halving:
        inputs = outputs = ()

        def run(self, arrays: Any) -> list[np.ndarray]:
            return [arrays[0][:, :1, ::2, ::2], arrays[0][:, :, ::2, ::2]]

    graph: Any = Halving()
    graph.inputs = (Port("src", (1, 3, None, None), "float32"),)
    src_sm = np.zeros((3, 35, 50), np.float32)
    src_sm[:, :, 20:], src_sm[:, 14:] = 1, 1  # filled up to 64x64, where an edge at 20 of 50 would come to lie at 15
    seen = Network(graph, Wish(multiple=32), Ports(fgr=1)).see(src_sm)
    assert seen.pha.shape == (35, 50)
    assert np.abs(seen.pha - src_sm[0]).mean() < 0.03  # the edges themselves are less sharp
    assert seen.fgr is not None
    assert np.abs(seen.fgr - src_sm).mean() < 0.03


def test_a_picture_is_laid_out_as_a_network_wants_it() -> None:
    src_sm = drawn_source((32, 24))
    codes = Wish(layout="nhwc", order="bgr", dtype="uint8").fed(src_sm)
    assert codes.dtype == np.uint8
    assert codes.shape == (1, 24, 32, 3)
    np.testing.assert_array_equal(codes[0, ..., 2], np.rint(src_sm[0] * 255))
    assert Wish(size=(20, 10)).fed(src_sm).shape == (1, 3, 10, 20)
    in_codes = Wish(std=(1 / 255,) * 3).fed(src_sm)
    np.testing.assert_allclose(in_codes[0], src_sm * 255, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (1, 4, 6, 1), (1, 4, 6), (4, 6)])
def test_alpha_of_one_channel_wherever_it_lies(shape: tuple[int, ...]) -> None:
    values = np.linspace(-0.5, 1.5, 24, dtype=np.float32)
    np.testing.assert_array_equal(alpha_of(values.reshape(shape)), np.clip(values, 0, 1).reshape(4, 6))


# the engine, and the matter with it


@pytest.fixture
def bright(tmp_path: Path) -> PictureEngine:
    """Alpha is how bright the picture is: somebody is white, and the room is black."""
    return PictureEngine(Network(open_graph(small.brightness(tmp_path / "net.onnx"), device="cpu", precision="fp32", threads=1)))


def walker(step: int, size: tuple[int, int] = (640, 368)) -> Frame:
    """Somebody white who walks through a black room."""
    picture = np.zeros((size[1], size[0], 3), np.float32)
    cv2.ellipse(picture, (200 + 2 * step, 220), (50, 110), 0, 0, 360, (1, 1, 1), -1, cv2.LINE_AA)
    return frame_of(picture, "gbrp", pts=step)


def test_an_engine_without_state(bright: PictureEngine) -> None:
    src_sm = drawn_source((64, 48))
    coef, rec = bright.run(src_sm, None)
    assert rec == ()
    assert (bright.recurrent, bright.parts, bright.device) == (False, True, "cpu")
    assert coef.shape == (8, 48, 64)
    np.testing.assert_array_equal(bright.run(src_sm, rec)[0], coef)
    wanted = np.clip((src_sm.mean(0) - 0.01) / 0.98, 0, 1)
    np.testing.assert_allclose(SmallAlpha(coef, src_sm).pha, wanted, atol=1e-4)
    with pytest.raises(ValueError, match=r"wanted float32 \(3, h, w\)"):
        bright.run(src_sm[0], None)


def test_numbers_that_are_none_are_an_error(bright: PictureEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As files in half precision give them: they must not become a picture."""
    monkeypatch.setattr(bright._network, "_read", lambda output: np.full((64, 96), np.nan, np.float32))
    with pytest.raises(EngineError, match=r"the network gives numbers that are none \(NaN\)"):
        bright.run(np.zeros((3, 64, 96), np.float32), None)


def test_what_a_network_is_nearly_sure_of_is_sure(tmp_path: Path) -> None:
    graph = open_graph(small.brightness(tmp_path / "net.onnx"), device="cpu", precision="fp32", threads=1)
    engine = PictureEngine(Network(graph), levels=(0.2, 0.8))
    for value, alpha in ((0.15, 0), (0.5, 0.5), (0.85, 1)):
        coef, _ = engine.run(np.full((3, 16, 16), value, np.float32), None)
        np.testing.assert_allclose(coef[7] + coef[3] * value, alpha, atol=1e-5)


class Counted(PictureEngine):
    """Remembers the sizes that it was shown."""

    def run(self, src_sm: np.ndarray, rec: object | None) -> tuple[np.ndarray, object]:
        self.__dict__.setdefault("sizes", []).append(src_sm.shape[:0:-1])
        return super().run(src_sm, rec)


def test_people_are_followed_and_looks_at_all_are_rare(bright: PictureEngine) -> None:
    engine = Counted(bright._network)
    matter = RecurrentMatter(engine)
    for step in range(60):
        frame = walker(step)
        pha = matter.step(frame).pha
        np.testing.assert_allclose(pha, frame.rgb()[..., 0], atol=0.12)  # its edge, seen at 512 of 640 pixels
        assert np.abs(pha - frame.rgb()[..., 0]).mean() < 1e-3
    sizes: list[Any] = engine.__dict__["sizes"]
    assert sum(width * height > 0.7 * 512 * 288 for width, height in sizes) <= 3  # at the start, and after 2 s
    assert min(width * height for width, height in sizes[1:]) < 0.5 * 512 * 288


def test_what_stands_still_is_not_looked_at_again(bright: PictureEngine) -> None:
    engine = Counted(bright._network)
    matter = RecurrentMatter(engine, follow=False)
    for _ in range(30):
        matter.step(walker(0))
    assert len(engine.__dict__["sizes"]) == 12  # still.py's _SETTLED: so long every scene is looked at


def test_priming_needs_no_run(bright: PictureEngine) -> None:
    engine = Counted(bright._network)
    matter = RecurrentMatter(engine)
    matter.prime([walker(step) for step in range(5)])
    assert "sizes" not in engine.__dict__
    matter.step(walker(0))
    assert engine.__dict__["sizes"][0] == (512, 288), "it begins with all of it"


def test_a_frame_that_brings_its_own_alpha_keeps_it(bright: PictureEngine) -> None:
    own = np.zeros((368, 640), np.float32)
    own[:, :320] = 1
    frame = walker(30).with_planes(walker(30).planes, pha=own)
    pha = RecurrentMatter(bright).step(frame).pha
    assert (pha[:, 320:] == 0).all()
    assert pha[:, :320].max() == 1


@pytest.mark.parametrize("size", [(130, 10), (9, 140), (16, 16), (1, 1)])
def test_odd_little_frames_have_mattes(bright: PictureEngine, size: tuple[int, int]) -> None:
    matter = RecurrentMatter(bright)
    frame = walker(0, size)
    matter.prime([frame])
    assert matter.step(frame).pha.shape == size[::-1]


def test_a_network_of_one_size_sees_every_picture_at_that(tmp_path: Path) -> None:
    graph = open_graph(small.brightness(tmp_path / "net.onnx", shape=(1, 3, 64, 96)), device="cpu", precision="fp32", threads=1)
    engine = PictureEngine(Network(graph, Wish(size=(96, 64))))
    src_sm = cv2.GaussianBlur(drawn_source((240, 160)).transpose(1, 2, 0), (0, 0), 6).transpose(2, 0, 1)
    coef, _ = engine.run(src_sm, None)
    assert coef.shape == (8, 160, 240)
    np.testing.assert_allclose(SmallAlpha(coef, src_sm).pha, np.clip((src_sm.mean(0) - 0.01) / 0.98, 0, 1), atol=0.02)  # resampled twice
    assert engine.usual_detail((1920, 1080)) == 512


def test_with_rvm_as_a_network_of_single_pictures_following_does_no_harm(rvm_path: Path) -> None:
    """A real network, frame by frame: the part alone against the whole at the same detail."""
    rvm = open_engine(rvm_path, device="cpu", precision="fp32", threads=1)

    class FrameWise:
        recurrent, parts, channels_last, device, making = False, True, False, "cpu", False

        def run(self, src_sm: np.ndarray, rec: object | None) -> tuple[np.ndarray, object]:
            return from_alpha(src_sm, SmallAlpha(rvm.run(src_sm, None)[0], src_sm).pha), ()

    off = []
    for follow in (True, False):
        matter = RecurrentMatter(FrameWise(), detail=256, follow=follow)  # type: ignore[arg-type]
        phas = []
        for step in range(6):
            scene = room_scene((640, 360), seed=2, step=step)
            phas.append(matter.step(frame_of(scene.src, pts=step)).pha - scene.pha)
        off.append(np.abs(phas).mean())
    assert off[0] < 1.2 * off[1] + 1e-3


# MODNet


def test_modnet_runs_from_a_checkpoint_in_either_runtime(tmp_path: Path) -> None:
    import torch

    from livematte.networks.modnet import MODNet

    torch.manual_seed(0)
    net = MODNet()
    path = tmp_path / "modnet_photographic_portrait_matting.ckpt"
    torch.save({f"module.{name}": tensor for name, tensor in net.state_dict().items()}, path)
    src_sm = drawn_source((100, 64))
    phas = []
    for runtime in ("openvino", "torch"):
        engine = open_modnet(path, device="cpu", precision="fp32", runtime=runtime, threads=1)
        coef, rec = engine.run(src_sm, None)
        assert rec == ()
        phas.append(SmallAlpha(coef, src_sm).pha)
        assert engine.usual_detail((1920, 1080)) == max(network_size((1920, 1080))) == 896
    assert phas[0].std() > 0
    np.testing.assert_allclose(phas[0], phas[1], atol=1e-4)
    padded = np.pad(src_sm, ((0, 0), (0, 0), (0, 28)), mode="edge") * 2 - 1
    with torch.inference_mode():
        alone = net.eval()(torch.from_numpy(padded[None])).numpy()[0, 0, :, :100]
    np.testing.assert_allclose(phas[1], np.clip((alone - 0.01) / 0.98, 0, 1), atol=1e-4)


def test_another_networks_onnx_is_no_modnet(tmp_path: Path) -> None:
    path = small.brightness(tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=r"net\.onnx holds another network; wanted MODNet\nTry --model .*net\.onnx"):
        open_modnet(path, device="cpu", threads=1)
