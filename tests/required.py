"""What must not be skipped: LIVEMATTE_REQUIRE=weights,cuda,… names what is there for sure."""

import os


def required(mark: str) -> bool:
    return mark in os.environ.get("LIVEMATTE_REQUIRE", "").split(",")


def need_cuda() -> None:
    """Skips the test without a CUDA device, or fails it where one is required."""
    import pytest
    import torch

    if not torch.cuda.is_available():
        (pytest.fail if required("cuda") else pytest.skip)("no CUDA device")
