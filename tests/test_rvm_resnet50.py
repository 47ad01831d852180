"""RVM with ResNet-50: the published names, the published arithmetic, and every runtime; of random numbers, no released file is read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_person import drawn_source
from published_keys import key_table, random_state
from rvm_written_out import InTorch, network, write_onnx

from livematte import weights
from livematte.engines import Engine, open_engine
from livematte.engines.openvino_engine import multiplies_bf16
from livematte.errors import EngineError, WeightsError
from livematte.frame import Frame
from livematte.matting.canvas import Canvas
from livematte.matting.follow import Cells
from livematte.networks.rvm import RVM
from livematte.networks.rvm_variants import VARIANTS

SIZE = (128, 96)
Open = Callable[..., Engine]


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return random_state("rvm_resnet50")


@pytest.fixture(scope="module")
def pth(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "rvm_resnet50.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def onnx_file(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "rvm_resnet50_fp32.onnx"
    write_onnx(state, path)
    return path


@pytest.fixture(scope="module")
def net(pth: Path) -> RVM:
    made = RVM("resnet50").eval()
    made.load_state_dict(weights.load(pth))  # strict: nothing missing, nothing over
    return made


def test_names_and_shapes_are_the_published_ones_less_norms_and_head() -> None:
    published = key_table("rvm_resnet50")
    assert sum(name.endswith("running_var") for name in published) == 53 + 8  # the encoder's and the others'
    norms = {name.removesuffix(".running_var") for name in published if name.endswith(".running_var")}
    left_out = {*norms, "project_seg.conv"}
    kept = {name: shape for name, shape in published.items() if name.rpartition(".")[0] not in left_out}
    mine = {name: tuple(tensor.shape) for name, tensor in RVM("resnet50").state_dict().items()}
    biases = {name: shape for name, shape in mine.items() if name not in kept}
    assert {name: mine[name] for name in kept} == kept
    assert len(biases) == len(norms)
    assert all(name.endswith(".bias") and len(shape) == 1 for name, shape in biases.items())
    numbers = sum(int(np.prod(shape)) for name, shape in published.items() if "running_" not in name and "num_batches" not in name)
    assert numbers == 26_890_461


@torch.inference_mode()
def test_forward_is_the_published_arithmetic_with_its_norms(net: RVM, state: dict[str, torch.Tensor]) -> None:
    ops, rec = InTorch(state), None
    shapes = (16, 26, 38), (32, 13, 19), (64, 7, 10), (128, 4, 5)
    states = [torch.zeros(1, *shape) for shape in shapes]
    for step in range(3):
        src = torch.from_numpy(drawn_source((75, 51), step))[None]
        coef, rec = net.coefficients(src, rec)
        gain, offset, states = network(ops, src, states)
        wanted = torch.cat([gain, offset], 1)
        assert wanted.std() > 0.1
        # Folding multiplies in another order: 1e-5 of the values, which reach 5, was measured.
        torch.testing.assert_close(coef, wanted, rtol=1e-3, atol=1e-4)
        for mine, theirs in zip(rec, states, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_it_is_deterministic(net: RVM, pth: Path) -> None:
    again = RVM("resnet50").eval()
    again.load_state_dict(weights.load(pth))
    src = torch.from_numpy(drawn_source(SIZE))[None]
    assert torch.equal(net.coefficients(src)[0], again.coefficients(src)[0])


def test_states_have_the_variants_channels(net: RVM) -> None:
    with torch.inference_mode():
        _, rec = net.coefficients(torch.rand(1, 3, 37, 50))
    assert [tuple(state.shape[1:]) for state in rec] == [(16, 19, 25), (32, 10, 13), (64, 5, 7), (128, 3, 4)]
    assert VARIANTS["resnet50"].states == (16, 32, 64, 128)
    assert VARIANTS["mobilenetv3"].states == (16, 20, 40, 64)


def test_onnx_and_pth_hold_the_same_numbers(onnx_file: Path, pth: Path) -> None:
    by_onnx, by_pth = weights.arrays(onnx_file), weights.arrays(pth)
    assert by_onnx.keys() == by_pth.keys()
    for name, array in by_pth.items():
        np.testing.assert_allclose(by_onnx[name], array, rtol=1e-5, atol=1e-6)  # folded in another order


def coefficients(engine: Engine, size: tuple[int, int], frames: int = 3) -> np.ndarray:
    rec, results = None, []
    for step in range(frames):
        coef, rec = engine.run(drawn_source(size, step), rec)
        results.append(coef)
    return np.stack(results)


def opened(path: Path, runtime: str, precision: str = "fp32") -> Engine:
    return open_engine(path, device="cpu", precision=precision, runtime=runtime, threads=1)


@pytest.mark.parametrize("size", [SIZE, (75, 51)])
def test_runtimes_agree(onnx_file: Path, pth: Path, size: tuple[int, int]) -> None:
    by_torch = coefficients(opened(pth, "torch"), size)
    assert by_torch.std() > 0.1
    for engine in (opened(onnx_file, "onnxruntime"), opened(onnx_file, "openvino"), opened(pth, "openvino"), opened(onnx_file, "torch")):
        # As with mobilenetv3 (tests/test_engines.py): coefficients reach 6, and alpha may differ by 2e-3.
        np.testing.assert_allclose(coefficients(engine, size), by_torch, atol=1e-3)
        engine.close()


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_bf16_is_near_fp32(pth: Path, runtime: str) -> None:
    if runtime == "openvino" and not multiplies_bf16():
        pytest.skip("this processor does not multiply bf16")
    engines = [opened(pth, runtime, precision) for precision in ("fp32", "bf16")]
    exact, coarse = (coefficients(engine, SIZE) for engine in engines)
    assert [engine.precision for engine in engines] == ["fp32", "bf16"]  # where marks are not heeded, it would be fp32 by now
    grey = np.stack([drawn_source(SIZE, step).mean(0) for step in range(3)])
    pha, coarse_pha = (coef[:, 3] * grey + coef[:, 7] for coef in (exact, coarse))  # not clipped: of random numbers most are below 0
    # Eight bits of mantissa are 4e-3; through fifty layers that nobody trained, 0.025 of the spread was measured with either.
    assert np.abs(pha - coarse_pha).mean() < 0.05 * pha.std()


def test_int8_is_for_mobilenetv3_alone(pth: Path) -> None:
    with pytest.raises(EngineError, match="got precision int8, which RVM resnet50 does not have; wanted fp32 or bf16"):
        opened(pth, "openvino", "int8")


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_another_shape_is_refused(state: dict[str, torch.Tensor], tmp_path: Path, runtime: str) -> None:
    torch.save({**state, "project_mat.conv.bias": torch.zeros(5)}, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"another network.*; wanted RVM resnet50"):
        opened(tmp_path / "net.pth", runtime)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime", "torch"])
def test_a_part_of_the_picture_is_carried_on_alone(onnx_file: Path, runtime: str, make_frame: Callable[..., Frame]) -> None:
    """States of other widths than mobilenetv3's, up to 128 channels, are cut out, put back and resampled as those are."""
    engine, frame, part = opened(onnx_file, runtime), make_frame(size=(128, 96)), Cells(1, 1, 3, 2)
    canvas, larger = Canvas(engine, (128, 96)), Canvas(engine, (160, 128))
    canvas.keep(canvas.look(frame, canvas.whole))
    before = [np.asarray(window).copy() for window in canvas._windows(part)]
    look = canvas.look(frame, part)
    canvas.keep(look)
    axis = 3 if engine.channels_last else 1
    assert [window.shape[axis] for window in before] == [16, 32, 64, 128]
    for old, new, kept in zip(before, look.rec, canvas._windows(part), strict=True):
        np.testing.assert_array_equal(np.asarray(kept), np.asarray(new))
        assert not np.array_equal(old, np.asarray(new))
    larger.take_over(canvas)
    resampled = larger.look(frame, larger.whole)
    assert resampled.coef.shape == (8, 128, 160)
    assert not np.allclose(resampled.coef, engine.run(resampled.src_sm, None)[0])
    engine.close()
