"""The floor arithmetic of docs/performance.md: what the network computes and moves for one frame, and the time that this takes at least."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn

from livematte.networks.rvm import RVM

FP16 = 2  # bytes
TENSOR_FLOPS, BYTES_PER_SECOND = 989e12, 3.35e12  # H100 SXM, dense fp16 and HBM3, as its data sheet has them


class Count(NamedTuple):
    """Of one frame, state carried. convolutions: how many; products: their multiply-adds; values: what each reads and writes, once each."""

    convolutions: int
    products: int
    weights: int
    values: int
    borders: int  # picture and state in, coefficients and state out: what even one single kernel would have to move


def count(width: int, height: int) -> Count:
    net = RVM().eval().to("meta")  # shapes without numbers
    seen: list[tuple[int, int]] = []

    def note(conv: nn.Conv2d, inputs: tuple[torch.Tensor], out: torch.Tensor) -> None:
        seen.append((out.numel() * conv.weight[0].numel(), inputs[0].numel() + out.numel()))

    src = torch.empty(1, 3, height, width, device="meta")
    with torch.inference_mode():
        _, rec = net.coefficients(src)
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(note)
        coef, rec = net.coefficients(src, rec)
    borders = src.numel() + coef.numel() + 2 * sum(state.numel() for state in rec)
    weights = sum(parameter.numel() for parameter in net.parameters())
    return Count(len(seen), sum(products for products, _ in seen), weights, sum(values for _, values in seen), borders)


@pytest.mark.parametrize(
    ("size", "products", "moved"),
    [((480, 270), 4_075_871_280, 142_495_840), ((512, 288), 4_620_933_504, 160_696_816)],  # 1080p at ratio .25 and 4K at .125; the default
)
def test_counts_are_those_of_the_document(size: tuple[int, int], products: int, moved: int) -> None:
    counted = count(*size)
    assert counted.convolutions == 85
    assert counted.products == products
    assert counted.weights == 3_736_072
    assert FP16 * (counted.weights + counted.values) == moved


def test_floors_are_those_of_the_document() -> None:
    """In microseconds a frame at 480x270: the products on tensor cores, each layer's bytes, and the bytes at the network's borders."""
    counted = count(480, 270)
    floors = (
        2 * counted.products / TENSOR_FLOPS,
        FP16 * (counted.weights + counted.values) / BYTES_PER_SECOND,
        FP16 * (counted.weights + counted.borders) / BYTES_PER_SECOND,
    )
    assert [round(seconds * 1e6, 1) for seconds in floors] == [8.2, 42.5, 4.0]
