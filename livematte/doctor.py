"""What livematte needs, checked one by one: each OK, or with the mend."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

_EXTRAS = {"trimap": "pymatting", "heif": "pi_heif", "whip": "aiortc", "ndi": "cyndilib", "bench": "matplotlib"}  # with what each brings
_ENCODERS = {
    "libx264": ".mp4",
    "prores_aw": ".mov",
    "libvpx-vp9": ".webm",
    "ffv1": ".mkv",
    "libopus": "sound in .webm",
    "aac": "sound in .mp4",
}


class Check(NamedTuple):
    """needed: livematte does not work without it."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True


def checks() -> Iterator[Check]:
    """All checks, in the order in which they matter; one that breaks is a finding, not an error."""
    for name, check in _CHECKS.items():
        try:
            yield check(name)
        except Exception as error:  # noqa: BLE001 - a package that breaks while it is imported may raise anything
            yield Check(
                name,
                False,
                f"{type(error).__name__}: {error}".splitlines()[0],
                "Install livematte anew: pip install --force-reinstall livematte",
            )


def _python(name: str) -> Check:
    ok = sys.version_info >= (3, 11)
    return Check(name, ok, f"{platform.python_version()} on {platform.platform(terse=True)}", "Install Python 3.11 or newer")


def _torch(name: str) -> Check:
    import torch

    from livematte.engines.torch_engine import present_devices

    return Check(name, True, f"{torch.__version__}, devices: {', '.join(present_devices())}")


def _openvino(name: str) -> Check:
    from livematte.engines import available_cores
    from livematte.engines.openvino_engine import multiplies_bf16

    return Check(name, True, f"{version('openvino')}, {available_cores()} cores, {'bf16' if multiplies_bf16() else 'fp32'}")


def _onnxruntime(name: str) -> Check:
    import onnxruntime

    return Check(name, True, onnxruntime.__version__)


def _opencv(name: str) -> Check:
    import cv2

    return Check(name, True, cv2.__version__)


def _pyav(name: str) -> Check:
    import av

    missing = [f"{codec} ({use})" for codec, use in _ENCODERS.items() if codec not in av.codecs_available]
    found = f"{av.__version__}, " + (f"without {', '.join(missing)}" if missing else f"with {', '.join(_ENCODERS)}")
    return Check(name, not missing, found, "Install PyAV's own wheel: pip install --force-reinstall --only-binary=av av")


def _alpha_webm(name: str) -> Check:
    import av

    ok = "libvpx-vp9" in av.codecs_available
    return Check(name, ok, "VP9 alpha is read and written" if ok else "libvpx is missing", "Install PyAV's own wheel", needed=False)


def _extras(name: str) -> Check:
    """What the base installation does without."""
    from importlib.util import find_spec

    missing = [extra for extra, module in _EXTRAS.items() if find_spec(module) is None]
    if not missing:
        return Check(name, True, ", ".join(_EXTRAS))
    return Check(name, False, f"without {', '.join(missing)}", f"pip install 'livematte[{','.join(missing)}]'", needed=False)


def _weights(name: str) -> Check:
    from livematte import weights
    from livematte.settings import DEFAULT_MODEL

    here = {card: path for card in weights.MODELS.values() if (path := weights.find(card.name))}
    for card, path in here.items():
        if not weights.is_intact(path, card):
            return Check(name, False, f"{path} is damaged", f"Delete it, then: livematte models fetch {card.name}")
    found = ", ".join(card.name for card in here)
    if weights.MODELS[DEFAULT_MODEL] in here:
        return Check(name, True, found)
    absent = f"{DEFAULT_MODEL} is not here; it is fetched when first used"
    return Check(name, False, absent, f"livematte models fetch {DEFAULT_MODEL}", needed=False)


def _writing(name: str, folder: Path | None = None) -> Check:
    folder = folder or Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check(name, True, f"into {folder}")
    except OSError as error:
        return Check(name, False, f"not into {folder}: {error.strerror}", "Name an output elsewhere with -o", needed=False)


def _cache(name: str) -> Check:
    from livematte import weights

    folder = weights.cache_dir()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    found = _writing(name, existing)
    return found._replace(found=str(folder) if found.ok else found.found, mend="Set LIVEMATTE_CACHE to a folder that can be written")


def _virtual_camera(name: str) -> Check:
    try:
        return Check(name, True, f"pyvirtualcam {version('pyvirtualcam')}", needed=False)
    except PackageNotFoundError:
        return Check(name, False, "pyvirtualcam is missing", "pip install pyvirtualcam", needed=False)


def _terminal(name: str) -> Check:
    return Check(name, True, "live progress" if sys.stderr.isatty() else "no terminal: plain progress lines")


_CHECKS: dict[str, Callable[[str], Check]] = {
    "Python": _python,
    "torch": _torch,
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "OpenCV": _opencv,
    "PyAV": _pyav,
    "WebM alpha": _alpha_webm,
    "extras": _extras,
    "weights": _weights,
    "cache": _cache,
    "writing": _writing,
    "virtual camera": _virtual_camera,
    "terminal": _terminal,
}
