"""A network's weights: name → where it lies or comes from → checksum → tensors.

Nothing here runs what it reads: ONNX files give their initialisers, .pth files are read with weights_only=True, and a pickle with
code in it is refused. A fetch ends in the cache by a rename, after the checksum, so that a broken one leaves nothing to be read.
"""

from livematte.weights.families import family_of
from livematte.weights.fetching import Progress, fetch
from livematte.weights.models import MODELS, ModelCard, cache_dir, card_of, find, is_intact, places
from livematte.weights.published import filled, published, read_state, shapes_of
from livematte.weights.supply import locate, resolve
from livematte.weights.tensors import arrays, load, read_onnx

__all__ = [
    "MODELS",
    "ModelCard",
    "Progress",
    "arrays",
    "cache_dir",
    "card_of",
    "family_of",
    "fetch",
    "filled",
    "find",
    "is_intact",
    "load",
    "locate",
    "places",
    "published",
    "read_onnx",
    "read_state",
    "resolve",
    "shapes_of",
]
