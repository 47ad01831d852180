"""What figures are of: processor, versions, load, day. Others' work on the machine (the load) makes figures worthless."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from livematte.engines import available_cores

_PACKAGES = ("livematte", "onnxruntime", "openvino", "torch", "av", "opencv-python", "numpy")
Facts = dict[str, Any]


def facts() -> Facts:
    return {
        "processor": _processor(),
        "gpu": _gpu(),
        "cores": available_cores(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "day": time.strftime("%Y-%m-%d"),
    }


def line(known: Facts) -> str:
    """Facts in one line."""
    gpu = f", {known['gpu']}" if known["gpu"] else ""
    load = "" if known["load"] is None else f", load {known['load']:.1f} at the start"
    versions = ", ".join(f"{name} {found}" for name, found in known["versions"].items())
    return f"{known['processor']}, {known['cores']} cores{gpu}{load}; Python {known['python']}, {versions}; {known['day']}"


def differences(before: Facts, now: Facts) -> list[str]:
    """What is not the same of what makes figures comparable: "processor A → B"."""
    pairs = {name: (before.get(name), now.get(name)) for name in ("processor", "gpu", "cores", "python")}
    old, new = before.get("versions", {}), now.get("versions", {})
    pairs |= {name: (old.get(name), new.get(name)) for name in sorted({*old, *new})}
    return [f"{name} {a or 'none'} → {b or 'none'}" for name, (a, b) in pairs.items() if a != b]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*: (.*)$", lines, re.MULTILINE)
    return match[1] if match else platform.machine()


def _gpu() -> str | None:
    """As NVIDIA's driver tells it, which spares the import of torch."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    told = subprocess.run(query, capture_output=True, text=True, check=False)
    return told.stdout.strip().replace("\n", "; ") or None if told.returncode == 0 else None
