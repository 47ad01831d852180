"""What only the OpenVINO engine has: two precisions in one network, and what becomes of it where these are not to be had."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_person import drawn_source

from livematte import weights
from livematte.engines import open_engine, openvino_engine
from livematte.engines.openvino_engine import OpenVinoEngine, load_library, multiplies_bf16
from livematte.engines.openvino_ir import marked
from livematte.errors import EngineError

SIZE = (128, 96)


@pytest.fixture
def graph() -> Any:
    """The module, which imports OpenVINO: only after its telemetry was kept out."""
    load_library()
    from livematte.engines import openvino_graph

    return openvino_graph


@pytest.fixture
def in_bf16() -> None:
    if not multiplies_bf16():
        pytest.skip("this processor does not multiply bf16")


def three_steps(engine: OpenVinoEngine) -> np.ndarray:
    coef, rec = engine.run(drawn_source(SIZE, 0), None)
    for step in (1, 2):
        coef, rec = engine.run(drawn_source(SIZE, step), rec)
    return coef


def engine_of(path: Path, precision: str) -> OpenVinoEngine:
    return OpenVinoEngine(path, precision=precision, threads=1)


def test_openvino_is_loaded_without_its_telemetry(tmp_path: Path) -> None:
    """It would make a file in the user's home, and send who knows what."""
    code = "import sys; from livematte.engines.openvino_engine import load_library; load_library(); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert "'openvino'" in done.stdout
    assert "openvino_telemetry" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_model_read_back_from_its_text_is_the_same(rvm_path: Path, graph: Any) -> None:
    import openvino

    model, exact = graph.build(weights.arrays(rvm_path), 96, 128)
    text, constants = marked(model, exact)
    core = openvino.Core()
    again = core.read_model(text, openvino.Tensor(constants))
    rng = np.random.default_rng(0)
    inputs = {port.get_any_name(): rng.random(tuple(port.shape), np.float32) for port in model.inputs}
    here, there = (core.compile_model(m, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(inputs) for m in (model, again))
    for name in ("coef", "r1o", "r2o", "r3o", "r4o"):
        np.testing.assert_allclose(here[name], there[name], atol=1e-5)
    names = {op.get_friendly_name() for op in again.get_ops() if "DisablePrecisionConversion_0" in op.get_rt_info()}
    assert names == exact


@pytest.mark.usefixtures("in_bf16")
def test_what_bf16_would_spoil_stays_exact(rvm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = three_steps(engine_of(rvm_path, "fp32"))
    mixed = three_steps(engine_of(rvm_path, "bf16"))
    monkeypatch.setattr("livematte.engines.openvino_ir.marked", lambda model, names: marked(model, ()))
    monkeypatch.setattr(openvino_engine, "_check_exact", lambda compiled, names: None)
    coarse = three_steps(engine_of(rvm_path, "bf16"))
    grey = drawn_source(SIZE, 2).mean(0)
    pha, by_mixed, by_coarse = (np.clip(coef[3] * grey + coef[7], 0, 1) for coef in (exact, mixed, coarse))
    assert 0 < np.abs(by_mixed - pha).mean() < 0.6 * np.abs(by_coarse - pha).mean()


@pytest.mark.usefixtures("in_bf16")
def test_marks_that_are_not_heeded_are_noticed(rvm_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """As by a version that knows them no more: then all is computed in fp32, and that is said once."""
    monkeypatch.setattr("livematte.engines.openvino_ir.marked", lambda model, names: marked(model, ()))
    engine = engine_of(rvm_path, "bf16")
    with caplog.at_level(logging.WARNING):
        coef = three_steps(engine)
        engine.run(drawn_source((96, 64)), None)
    assert engine.describe == "openvino on cpu, fp32, 1 threads"
    assert len(caplog.records) == 1
    assert "cannot mix bf16 and fp32 here, fp32 is used" in caplog.text
    np.testing.assert_array_equal(coef, three_steps(engine_of(rvm_path, "fp32")))


def test_bf16_that_is_not_here(rvm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "multiplies_bf16", lambda: False)
    with pytest.raises(EngineError, match="got precision bf16, which this processor does not multiply; wanted fp32"):
        open_engine(rvm_path, device="cpu", precision="bf16")
    assert open_engine(rvm_path, device="cpu").precision == "fp32"


def test_a_size_that_is_prepared_is_the_one_that_is_run(rvm_path: Path) -> None:
    engine = engine_of(rvm_path, "fp32")
    while not engine.ready(96, 128):
        pass
    prepared = three_steps(engine)
    np.testing.assert_array_equal(prepared, three_steps(engine_of(rvm_path, "fp32")))


def test_int8_is_near_fp32(rvm_path: Path) -> None:
    exact, coarse = (three_steps(engine_of(rvm_path, precision)) for precision in ("fp32", "int8"))
    grey = drawn_source(SIZE, 2).mean(0)
    pha, by_int8 = (np.clip(coef[3] * grey + coef[7], 0, 1) for coef in (exact, coarse))
    assert pha.mean() > 0.15
    assert 0 < np.abs(by_int8 - pha).mean() < 0.02  # 256 levels between the ends; on real clips 7e-4 was measured


def test_each_range_is_of_a_convolution_of_the_decoder(rvm_path: Path, graph: Any) -> None:
    names = {name.removesuffix(".weight") for name, array in weights.arrays(rvm_path).items() if array.ndim == 4}
    assert set(graph.RANGES) == {name for name in names if name.startswith("decoder.")}
