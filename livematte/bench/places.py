"""Where the bench finds and keeps its files: in a checkout beside the code, else in the user's cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from livematte.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
_PORTRAIT = ROOT / "examples" / "portrait.mp4"
_OUT = ROOT / "out" / "bench"


def in_checkout() -> bool:
    return _PORTRAIT.is_file() and (ROOT / "pyproject.toml").is_file()


def folder() -> Path:
    """For clips that are made and for what is written on the way."""
    from livematte.weights.models import cache_dir

    path = _OUT if in_checkout() else cache_dir() / "bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


def portrait() -> Path:
    """The clip of a person that other clips are made of. SettingsError where there is none."""
    if not in_checkout():
        raise SettingsError("the clip that is measured on, examples/portrait.mp4, lies only in the repository; name one: --clip FILE")
    return _PORTRAIT


def docs() -> Path:
    """SettingsError where there is none."""
    if not in_checkout():
        raise SettingsError("--write is for a checkout of the repository, where docs/performance.md lies; try --json FILE")
    return ROOT / "docs"


def truth() -> Path | None:
    """The folder of clips with known alpha beside the checkout."""
    path = ROOT.parent / "shared" / "truth"
    return path if in_checkout() and path.is_dir() else None


def made(name: str, make: Callable[[Path], None], *sources: Path) -> Path:
    """The file of that name in folder(): as it is where it is newer than its sources, else written anew by make(path)."""
    path = folder() / name
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        part = path.with_name(f"{path.stem}.new{path.suffix}")
        make(part)
        part.replace(path)
    return path
