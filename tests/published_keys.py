"""Names and shapes of the tensors in authors' checkpoints (facts, in tests/keys), and checkpoints of random numbers by them."""

from pathlib import Path

import torch

KEYS = Path(__file__).parent / "keys"


def key_table(name: str) -> dict[str, tuple[int, ...]]:
    """The shape by each name, in the file's order."""
    lines = (KEYS / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return {key: tuple(int(side) for side in shape.split()) for key, shape in pairs}


def random_state(name: str, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """A checkpoint that no training made, norms' statistics and all; what goes through it neither dies away nor grows without end."""
    generator = torch.Generator().manual_seed(seed)
    return {key: _random(key, shape, generator) for key, shape in key_table(name).items()}


def _random(key: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1000)
    if len(shape) == 4:
        fan_in = shape[1] * shape[2] * shape[3]
        return torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
    low, high = (0.5, 1.5) if key.endswith(("weight", "running_var")) else (-0.3, 0.3)
    numbers = torch.rand(shape, generator=generator) * (high - low) + low
    return numbers * 0.2 if key.startswith("backbone.") and key.endswith("bn3.weight") else numbers  # a residual adds to what is there
