"""Pixel formats that frames keep, and a picture that survives all of them."""

from __future__ import annotations

import numpy as np

YUV = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le"]
SEMI = ["nv12", "p010le", "p012le", "p016le"]


def smooth(size: tuple[int, int]) -> np.ndarray:
    """R'G'B' without edges, so that chroma subsampling loses next to nothing."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    return np.dstack([0.2 + 0.5 * x / size[0], 0.3 + 0.4 * y / size[1], 0.6 - 0.3 * x / size[0]]).astype(np.float32)
