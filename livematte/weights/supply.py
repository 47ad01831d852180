"""From a model's name, or a file's path, to a file that may be read."""

from pathlib import Path

from livematte.errors import WeightsError
from livematte.weights.fetching import Progress, fetch
from livematte.weights.models import MODELS, ModelCard, card_of, find, is_intact, places


def resolve(model: str, *, weights: Path | None = None, download: bool = True, progress: Progress | None = None) -> Path:
    """What `--model` says: a name in MODELS, located, or the path of a file, taken as it is. Errors as `locate`."""
    if model not in MODELS and Path(model).is_file():
        return Path(model)
    return locate(model, weights=weights, download=download, progress=progress)


def locate(name: str, *, weights: Path | None = None, download: bool = True, progress: Progress | None = None) -> Path:
    """The model's file, its checksum right; fetched if it is nowhere and can be. A file by another name than the
    card's is taken as it is, and so is one of a card without a checksum: loading it compares its tensors.

    WeightsError: the file is damaged, or absent and not to be had; the message names the places and how to supply it."""
    card = card_of(name)
    path = find(name, weights=weights)
    if path is None:
        return _fetch_or_explain(card, places(name, weights), download, progress)
    if path.name == card.file and not is_intact(path, card):
        raise WeightsError(
            f"{path} is damaged: got {path.stat().st_size} bytes, wanted {card.size} bytes with sha256 {card.sha256[:12]}…\n"
            f"Delete it, then: livematte models fetch {name}"
        )
    return path


def _fetch_or_explain(card: ModelCard, paths: list[Path], download: bool, progress: Progress | None) -> Path:
    reason = "fetching is off"
    if download:
        try:
            return fetch(card.name, progress=progress)
        except WeightsError as error:
            reason = str(error)
    raise WeightsError(
        f"the weights of {card.name} are not here, and {reason}\n"
        f"Looked for {', '.join(str(path) for path in paths)}.\n"
        f"Put {card.file} ({card.origin}) at one of these, or name it with --weights FILE"
    )
