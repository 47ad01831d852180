"""The engine of Background Matting V2: any size of frame in, what the network gives out, and what it refuses. The numbers are random."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from drawn_person import drawn_source
from published_keys import random_state
from required import need_cuda
from torch import Tensor, nn

from livematte.engines.plate_engine import PlateEngine, load, plan
from livematte.errors import EngineError, WeightsError
from livematte.networks.bgm import BackgroundMatting

SIZE = (128, 96)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state("bgm_mobilenetv2")


@pytest.fixture(scope="module")
def path(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("weights") / "pytorch_mobilenetv2.pth"
    torch.save(state, made)
    return made


@pytest.fixture(scope="module")
def engine(path: Path) -> PlateEngine:
    return PlateEngine(path, device="cpu", precision="fp32", threads=1)


def frame_and_plate(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return drawn_source(size), np.ascontiguousarray(drawn_source(size)[:, :, ::-1])


@torch.inference_mode()
def test_it_gives_what_the_network_gives(engine: PlateEngine, state: dict[str, Tensor]) -> None:
    net = BackgroundMatting("mobilenetv2").eval()
    net.load_state_dict(state)
    src, bgr = frame_and_plate(SIZE)
    pha, fgr = engine.run(src, bgr)
    wanted_pha, wanted_fgr = net(torch.from_numpy(src)[None], torch.from_numpy(bgr)[None], backbone_scale=0.5)
    assert wanted_pha.std() > 0.05
    # Norms folded and pictures channels last, which adds in another order.
    np.testing.assert_allclose(pha, wanted_pha[0, 0].numpy(), atol=1e-3)
    np.testing.assert_allclose(fgr, wanted_fgr[0].numpy(), atol=1e-3)


@pytest.mark.parametrize("size", [(75, 51), (64, 50), (63, 48), (1, 1)])
def test_any_size_goes_through(engine: PlateEngine, size: tuple[int, int]) -> None:
    pha, fgr = engine.run(*frame_and_plate(size))
    assert pha.shape == size[::-1]
    assert fgr.shape == (3, *size[::-1])
    assert pha.dtype == fgr.dtype == np.float32
    for part in (pha, fgr):
        assert 0 <= part.min() <= part.max() <= 1


def test_odd_sides_repeat_the_border(engine: PlateEngine) -> None:
    """As if the caller had: nothing dark comes in from beyond."""
    src, bgr = frame_and_plate((74, 51))
    wider = [np.pad(picture, ((0, 0), (0, 1), (0, 2)), mode="edge") for picture in (src, bgr)]
    for mine, padded in zip(engine.run(src, bgr), engine.run(*wider), strict=True):
        np.testing.assert_array_equal(mine, padded[..., :51, :74])


def test_runs_are_alike_and_apart(engine: PlateEngine, path: Path) -> None:
    src, bgr = frame_and_plate(SIZE)
    first, _ = engine.run(src, bgr)
    kept = first.copy()
    other, _ = engine.run(bgr, src)
    assert not np.array_equal(other, first)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(PlateEngine(path, device="cpu", precision="fp32", threads=1).run(src, bgr)[0], first)


def test_pictures_may_lie_in_memory_as_they_like(engine: PlateEngine) -> None:
    src, bgr = frame_and_plate(SIZE)
    wanted, _ = engine.run(src, bgr)
    last = np.array(src.transpose(1, 2, 0)).transpose(2, 0, 1)
    last.setflags(write=False)
    np.testing.assert_array_equal(engine.run(last, bgr)[0], wanted)


def test_it_says_what_it_is(engine: PlateEngine) -> None:
    assert engine.describe == "torch on cpu, fp32, 1 threads"
    assert (engine.name, engine.device, engine.precision, engine.threads) == ("torch", "cpu", "fp32", 1)
    assert PlateEngine(BackgroundMatting("mobilenetv2"), device="cpu").precision == "fp32"


def test_wrong_pictures_are_refused(engine: PlateEngine) -> None:
    src, bgr = frame_and_plate(SIZE)
    with pytest.raises(ValueError, match=r"got float64 \(3, 96, 128\), wanted float32"):
        engine.run(src, bgr.astype(np.float64))
    with pytest.raises(ValueError, match=r"got a picture of \(3, 96, 128\) and a plate of \(3, 48, 64\), wanted one size"):
        engine.run(src, frame_and_plate((64, 48))[1])


@pytest.mark.parametrize("backbone", ["mobilenetv2", "resnet50", "resnet101"])
def test_each_backbones_file_is_known_by_its_names(tmp_path: Path, backbone: str) -> None:
    torch.save(random_state(f"bgm_{backbone}"), tmp_path / "net.pth")
    net = load(tmp_path / "net.pth")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    with torch.inference_mode():
        pha, fgr = net(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), backbone_scale=0.5)
    assert torch.isfinite(pha).all()
    assert torch.isfinite(fgr).all()


def test_another_networks_files_are_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(random_state("rvm_resnet50"), tmp_path / "rvm.pth")
    with pytest.raises(WeightsError, match=r"rvm\.pth holds another network \(rvm-resnet50\); wanted Background Matting V2's \.pth"):
        PlateEngine(tmp_path / "rvm.pth", device="cpu")
    torch.save({**state, "decoder.conv4.bias": torch.zeros(38)}, tmp_path / "bgm.pth")
    with pytest.raises(WeightsError, match=r"another network: 1 of another shape \(decoder\.conv4\.bias 38 instead of 37\)"):
        PlateEngine(tmp_path / "bgm.pth", device="cpu")
    base = {name: tensor for name, tensor in state.items() if not name.startswith("refiner.")}
    torch.save(base, tmp_path / "base.pth")
    with pytest.raises(WeightsError, match=r"another network: 17 missing \(refiner\.conv1\.weight"):
        PlateEngine(tmp_path / "base.pth", device="cpu")
    node = onnx.helper.make_node("Identity", ["src"], ["pha"])
    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("src", "pha")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", ports[:1], ports[1:])), tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=r"another network \(onnx\); wanted Background Matting V2's"):
        PlateEngine(tmp_path / "net.onnx", device="cpu")


def test_a_truncated_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match=r"cut\.pth is damaged"):
        PlateEngine(tmp_path / "cut.pth", device="cpu")


class Spent(nn.Module):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def forward(self, *ignored: object, **also: object) -> Any:
        raise RuntimeError(self.text)


def test_spent_memory_is_an_error_that_says_what_to_try() -> None:
    engine = PlateEngine(Spent("CUDA out of memory. Tried to allocate 20 MiB"), device="cpu")
    with pytest.raises(EngineError, match=r"^out of memory on cpu at a picture of 128x96; try smaller frames, or --device cpu$"):
        engine.run(*frame_and_plate(SIZE))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        PlateEngine(Spent("an illegal memory access"), device="cpu").run(*frame_and_plate(SIZE))


@pytest.mark.parametrize(
    ("size", "scale", "pixels"),
    [
        ((240, 320), 1 / 2, 80_000),
        ((360, 640), 1 / 2, 80_000),
        ((540, 960), 1 / 3, 80_000),
        ((720, 1280), 1 / 4, 80_000),
        ((1920, 1080), 1 / 4, 80_000),
        ((2160, 3840), 1 / 8, 320_000),
    ],
)
def test_what_is_planned_for_a_size(size: tuple[int, int], scale: float, pixels: int) -> None:
    assert plan(*size) == (scale, pixels)


def test_thresholding_goes_over_all_that_may_be_off(path: Path, engine: PlateEngine) -> None:
    """Where sampling stops at its number of pixels: at 640x480 a quarter of them."""
    src, bgr = frame_and_plate((640, 480))
    by_threshold = PlateEngine(path, device="cpu", precision="fp32", threads=1, refine="thresholding")
    assert not np.array_equal(by_threshold.run(src, bgr)[0], engine.run(src, bgr)[0])


def test_bf16_is_near_fp32(path: Path, engine: PlateEngine) -> None:
    coarse = PlateEngine(path, device="cpu", precision="bf16", threads=1)
    exact = engine.run(*frame_and_plate(SIZE))[1]
    # fgr: the alpha of random numbers is mostly 0 or 1. Patches that err alike are chosen or not by the last bit.
    assert np.abs(coarse.run(*frame_and_plate(SIZE))[1] - exact).mean() < 0.1 * exact.std()


@pytest.mark.cuda
def test_cuda_gives_the_same(path: Path, engine: PlateEngine) -> None:
    need_cuda()
    there = PlateEngine(path, device="cuda", precision="fp32", refine="full")
    here = PlateEngine(path, device="cpu", precision="fp32", threads=1, refine="full")
    for mine, theirs in zip(there.run(*frame_and_plate(SIZE)), here.run(*frame_and_plate(SIZE)), strict=True):
        assert np.abs(mine - theirs).mean() < 2e-3  # TF32, which torch lets convolutions use on CUDA, has ten bits of mantissa
    assert PlateEngine(path, device="cuda").precision == "fp16"
