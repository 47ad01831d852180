"""Pictures settled in batches: each comes out as it would alone, in order, whatever their sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_person import drawn_person, drawn_source

from livematte.engines.torch_engine import TorchEngine
from livematte.frame import Frame, Matte
from livematte.matting import stills
from livematte.matting.recurrent import RecurrentMatter
from livematte.matting.scenes import REPEATS, mattes
from livematte.sources.picture_file import full_range


@pytest.fixture
def engine(rvm_path: Path) -> Iterator[TorchEngine]:
    engine = TorchEngine(rvm_path, device="cpu", precision="fp32", threads=1)
    yield engine
    engine.close()


def photo(step: int, size: tuple[int, int] = (192, 128)) -> Frame:
    rgb = drawn_person(size, step)
    frame = full_range(tuple(np.ascontiguousarray(rgb[..., i]) for i in (1, 2, 0)), "gbrp")
    return replace(frame, pts=step)


def alone(engine: TorchEngine, frames: Sequence[Frame], **options: Any) -> list[np.ndarray]:
    matter = RecurrentMatter(engine, **options)
    made = []
    for frame in frames:
        matter.prime([frame])
        made.append(matter.step(frame).pha)
    return made


@pytest.mark.parametrize("follow", [True, False])
def test_pictures_come_out_as_they_would_alone(engine: TorchEngine, follow: bool) -> None:
    frames = [photo(0), photo(5), photo(0, (128, 192)), photo(9), photo(3, (128, 192)), photo(2, (70, 50))]
    got = RecurrentMatter(engine, detail=192, follow=follow).step_many(frames)
    for matte, wanted in zip(got, alone(engine, frames, detail=192, follow=follow), strict=True):
        # a batch is summed up in another order than one picture is
        np.testing.assert_allclose(matte.pha, wanted, atol=2e-3)


def test_a_size_is_one_call_for_each_repeat(engine: TorchEngine) -> None:
    asked = []
    real = engine.run_many

    def counted(pictures: Any, recs: Any) -> Any:
        asked.append((len(pictures), pictures[0].shape[1:], recs is None))
        return real(pictures, recs)

    engine.run_many = counted  # type: ignore[method-assign]
    RecurrentMatter(engine, detail=192).step_many([photo(0), photo(0, (128, 192)), photo(1)])
    lying, upright = (128, 192), (192, 128)
    assert asked == [(2, lying, True), *[(2, lying, False)] * (REPEATS - 1), (1, upright, True), *[(1, upright, False)] * (REPEATS - 1)]


def test_a_batch_is_what_single_runs_are(engine: TorchEngine) -> None:
    pictures = [drawn_source((128, 96), step) for step in (0, 4, 8)]
    first = engine.run_many(pictures, None)
    second = engine.run_many(pictures, [rec for _, rec in first])
    for picture, batched in zip(pictures, second, strict=True):
        coef, rec = engine.run(picture, engine.run(picture, None)[1])
        np.testing.assert_allclose(batched[0].numpy(), coef, atol=2e-3)
        for state, wanted in zip(batched[1], rec, strict=True):  # type: ignore[call-overload]
            assert state.shape == wanted.shape
            np.testing.assert_allclose(state.numpy(), wanted.numpy(), atol=2e-3)


def test_states_are_each_pictures_own(engine: TorchEngine) -> None:
    results = engine.run_many([drawn_source((128, 96), step) for step in (0, 1)], None)
    kept = results[1][1].r1.clone()  # type: ignore[attr-defined]
    results[0][1].r1[...] = 7  # type: ignore[attr-defined]
    assert bool((results[1][1].r1 == kept).all())  # type: ignore[attr-defined]


def test_only_a_card_is_given_batches(engine: TorchEngine) -> None:
    matter = RecurrentMatter(engine)
    assert matter.batch == 1
    engine.device = "cuda:0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("livematte.matting.recurrent._device_refiner", lambda engine: None)
        assert RecurrentMatter(engine).batch > 1


class Diary:
    """A matter that takes three at once, and remembers how it was asked."""

    batch = 3

    def __init__(self) -> None:
        self.asked: list[object] = []

    def prime(self, frames: Sequence[Frame]) -> None:
        self.asked.append(("prime", *(frame.pts for frame in frames)))

    def step(self, frame: Frame) -> Matte:
        self.asked.append(frame.pts)
        return Matte(np.full(frame.size[::-1], 0.1 * (frame.pts or 0), np.float32), frame)

    def step_many(self, frames: Sequence[Frame]) -> list[Matte]:
        self.asked.append([frame.pts for frame in frames])
        return [Matte(np.full(frame.size[::-1], 0.1 * (frame.pts or 0), np.float32), frame) for frame in frames]

    def reset(self) -> None: ...


def test_pictures_are_gathered_and_come_in_order() -> None:
    diary = Diary()
    frames = [photo(step, (16, 8)) for step in range(7)]
    items = [*frames[:4], "a packet", *frames[4:]]
    got: list[Any] = list(mattes(diary, items, stills=True))
    assert [item if isinstance(item, str) else item[0].pts for item in got] == [0, 1, 2, 3, "a packet", 4, 5, 6]
    assert all(item[1].pha[0, 0] == np.float32(0.1 * item[0].pts) for item in got if not isinstance(item, str))
    assert diary.asked == [[0, 1, 2], ("prime", 3), 3, [4, 5, 6]]


def test_large_pictures_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stills, "_MOST_AT_ONCE", 2 * 16 * 8)
    diary = Diary()
    list(mattes(diary, [photo(step, (16, 8)) for step in range(4)], stills=True))
    assert diary.asked == [[0, 1], [2, 3]]
