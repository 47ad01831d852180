"""What becomes of a frame and its matte: over a background, or cut out. Pure functions on planes; see views for pictures of both."""

from __future__ import annotations

import numpy as np

from livematte.frame import Frame, Matte
from livematte.planes import Background, black, blended, extended, over, pha_for

__all__ = ["composite", "cutout", "over", "pha_for"]


def composite(frame: Frame, matte: Matte, background: Background) -> Frame:
    """The person over a background, opaque: com = pha fgr + (1 - pha) bgr, plane by plane, in the frame's format, tags and time.

    Bit-identical to the frame's own samples where alpha is 1 (for subsampled chroma: where its mean is)."""
    return frame.with_planes(blended(matte.fgr, background.planes(frame, matte), matte.pha))


def cutout(matte: Matte, *, premultiplied: bool = False) -> Frame:
    """The person with alpha: a frame whose pha is the matte's.

    Straight: outside the person the planes hold the person's colours carried outwards, nothing of the room, so that a program which
    filters colour and alpha apart sees no rim, and a program that drops the alpha shows no secret. Premultiplied: planes times alpha,
    towards black, rounded to nearest."""
    fgr = matte.fgr
    if not premultiplied:
        return fgr.with_planes(extended(matte), pha=matte.pha)
    return fgr.with_planes(blended(fgr, _flat(fgr, black(fgr)), matte.pha), pha=matte.pha)


def _flat(frame: Frame, codes: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """Planes like the frame's of one code per channel, without the memory of a picture."""
    dtype = frame.format.dtype
    if frame.format.family == "semi":
        dots = [np.array(codes[0], dtype), np.array(codes[1:], dtype)]
    else:
        dots = [np.array(code, dtype) for code in codes]
    return tuple(np.broadcast_to(dot, plane.shape) for dot, plane in zip(dots, frame.planes, strict=True))
