"""Graphs give what the step itself gives, to every state in any order, and step aside where there are none.

A recording is imitated on the CPU: like a graph, it runs again on the buffers it was made with, and puts results where they were.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from required import need_cuda

from livematte.engines.cuda_graphs import Graphs, Result, record_graph
from livematte.networks.rvm import RVM, Recurrent

SIZES = [(32, 48), (48, 32), (17, 33)]


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def net(request: pytest.FixtureRequest) -> RVM:
    if request.param == "cuda":
        need_cuda()
    torch.manual_seed(0)
    return RVM().eval().to(request.param)


class Recorder:
    """Counts what was recorded and replayed; on CUDA by real graphs."""

    def __init__(self, net: RVM) -> None:
        self._record = record_graph if next(net.parameters()).is_cuda else imitated
        self.recorded = self.replayed = 0

    def __call__(self, work: Callable[[], Result]) -> tuple[Callable[[], object], Result]:
        self.recorded += 1
        again, results = self._record(work)

        def replay() -> None:
            self.replayed += 1
            again()

        return replay, results


def imitated(work: Callable[[], Result]) -> tuple[Callable[[], object], Result]:
    results = work()
    for tensor in (results[0], *results[1]):
        tensor.zero_()  # a recording computes nothing

    def replay() -> None:
        coef, rec = work()
        for old, new in zip((results[0], *results[1]), (coef, *rec), strict=True):
            old.copy_(new)

    return replay, results


def picture(net: RVM, seed: int, size: tuple[int, int] = SIZES[0]) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed)).to(next(net.parameters()).device)


def near(one: Result, other: Result) -> None:
    """On the CPU the same; on CUDA libraries may choose other kernels under a capture, in TF32 with its ten bits of mantissa."""
    off = 1e-2 if one[0].is_cuda else 0
    torch.testing.assert_close(one[0], other[0], atol=off, rtol=off)
    torch.testing.assert_close(tuple(one[1]), tuple(other[1]), atol=off, rtol=off)


@torch.inference_mode()
def test_a_clip_is_the_same_with_graphs(net: RVM) -> None:
    recorder = Recorder(net)
    graphs = Graphs(net.coefficients, record=recorder)
    rec = plain = None
    for step in range(10):
        got = graphs(picture(net, step), rec)
        wanted = net.coefficients(picture(net, step), plain)
        near(got, wanted)
        rec, plain = got[1], wanted[1]
    assert (recorder.recorded, recorder.replayed) == (1, 7)


@torch.inference_mode()
def test_results_and_states_are_the_callers(net: RVM) -> None:
    """An earlier state may be taken up again, and what was given out does not change under later runs."""
    graphs = settled(net)
    first = graphs(picture(net, 0), None)
    kept = [tensor.clone() for tensor in (first[0], *first[1])]
    second = graphs(picture(net, 1), first[1])
    graphs(picture(net, 2), second[1])
    near(graphs(picture(net, 1), first[1]), second)
    for tensor, copy in zip((first[0], *first[1]), kept, strict=True):
        assert torch.equal(tensor, copy)


@torch.inference_mode()
def test_none_is_a_fresh_start(net: RVM) -> None:
    graphs = settled(net)
    near(graphs(picture(net, 5), None), net.coefficients(picture(net, 5)))


@torch.inference_mode()
def test_sizes_come_and_go(net: RVM) -> None:
    recorder = Recorder(net)
    graphs = Graphs(net.coefficients, record=recorder)
    for seed in range(3):
        for size in SIZES:
            rec = plain = None
            for step in range(3):
                got = graphs(picture(net, seed + step, size), rec)
                wanted = net.coefficients(picture(net, seed + step, size), plain)
                near(got, wanted)
                rec, plain = got[1], wanted[1]
    assert recorder.recorded == len(SIZES)


@torch.inference_mode()
def test_few_sizes_are_kept(net: RVM) -> None:
    recorder = Recorder(net)
    graphs = Graphs(net.coefficients, record=recorder)
    for _ in range(2):
        for side in (16, 32, 48, 64, 80):  # one more than is kept
            rec = None
            for step in range(5):
                _, rec = graphs(picture(net, step, (side, 16)), rec)
    assert recorder.recorded == 10


def settled(net: RVM) -> Graphs:
    """Graphs that have one for the first of SIZES."""
    recorder = Recorder(net)
    graphs = Graphs(net.coefficients, record=recorder)
    rec = None
    for step in range(4):
        _, rec = graphs(picture(net, step), rec)
    assert recorder.replayed == 1
    return graphs


@torch.inference_mode()
def test_forgotten_graphs_are_made_anew(net: RVM) -> None:
    graphs = settled(net)
    graphs.forget()
    near(graphs(picture(net, 0), None), net.coefficients(picture(net, 0)))


def refusing(work: Callable[[], Result]) -> tuple[Callable[[], object], Result]:
    raise RuntimeError("operation not permitted when stream is capturing\nmore of it")


@torch.inference_mode()
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_without_graphs_it_runs_as_it_is(device: str, caplog: pytest.LogCaptureFixture) -> None:
    if device == "cuda":
        need_cuda()
    torch.manual_seed(0)
    net = RVM().eval().to(device)
    graphs = Graphs(net.coefficients, record=refusing)
    rec: Recurrent | None = None
    with caplog.at_level(logging.WARNING):
        for step in range(8):
            coef, rec = graphs(picture(net, step, SIZES[step // 4]), None if step % 4 == 0 else rec)
    assert torch.isfinite(coef).all()
    message = "CUDA graphs do not work here, the network runs without them: operation not permitted when stream is capturing"
    assert caplog.messages == [message]


def test_a_torch_without_cuda_has_no_graphs() -> None:
    if torch.cuda.is_available():
        pytest.skip("this torch has CUDA")
    with pytest.raises(RuntimeError):
        record_graph(lambda: pytest.fail("nothing can be captured here"))
