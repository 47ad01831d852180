"""What becomes of a frame and its matte: over a background, cut out, or a picture of either. Functions on planes, pure but
for what a Belonging remembers."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from livematte import colour as colours
from livematte.belonging import Belonging
from livematte.frame import Frame, Matte, Plane, Size, to_integers
from livematte.planes import Array, Background, black, blended, extended, over, solid
from livematte.profiles import in_srgb


def composite(frame: Frame, matte: Matte, background: Background, *, belonging: Belonging | None = None) -> Frame:
    """The person over a background, opaque: com = pha fgr + (1 - pha) bgr, plane by plane, in the frame's format, tags and time.

    Bit-identical to the frame's own samples where alpha is 1 (for subsampled chroma: where its mean is). A frame with an ICC profile
    meets the background in sRGB. belonging: what makes the person belong to the background, and keeps what that needs over time."""
    if frame.profile is not None:
        frame, matte = in_srgb(frame), Matte(matte.pha, in_srgb(matte.fgr))
    bgr = background.planes(frame, matte)
    if belonging is not None:
        matte = belonging.step(frame, matte, bgr)
    return frame.with_planes(matte.blend(bgr) if matte.blend else blended(matte.fgr, bgr, matte.pha))


def cutout(matte: Matte, *, premultiplied: bool = False) -> Frame:
    """The person with alpha: a frame whose pha is the matte's.

    Straight: outside the person the planes hold the person's colours carried outwards, nothing of the room, so that a program which
    filters colour and alpha apart sees no rim, and a program that drops the alpha shows no secret. Premultiplied: planes times alpha,
    towards black, rounded to nearest."""
    fgr = matte.fgr
    if not premultiplied:
        return fgr.with_planes(extended(matte), pha=matte.pha)
    return fgr.with_planes(blended(fgr, solid(fgr, (0, 0, 0)), matte.pha), pha=matte.pha)


def view(
    name: str,
    frame: Frame,
    matte: Matte,
    background: Background | None = None,
    *,
    premultiplied: bool = False,
    belonging: Belonging | None = None,
) -> Frame:
    """What an output shows of a frame. Only a cutout holds alpha; all but the triptych have the frame's size.

    composite: the person over `background` (ValueError without one), belonging to it as far as `belonging` says. cutout: the person with
    alpha, straight or premultiplied. alpha: a grey picture of it. foreground: the person over white. triptych: original, foreground and
    alpha side by side, labelled."""
    if name == "composite":
        if background is None:
            raise ValueError("got no background, wanted one for the view 'composite'; try the view 'cutout'")
        return composite(frame, matte, background, belonging=belonging)
    if name == "cutout":
        return cutout(matte, premultiplied=premultiplied)
    if name == "alpha":
        return replace(frame.with_planes(_grey(frame, matte.pha)), profile=None)  # numbers, not colours
    if name == "foreground":
        return frame.with_planes(_on_white(matte))
    if name == "triptych":
        return _triptych(frame, matte)
    raise ValueError(f"got view {name!r}, wanted composite, cutout, alpha, foreground or triptych")


def _grey(frame: Frame, pha: Array) -> tuple[Plane, ...]:
    """Alpha as grey: 0 at black's code, 1 at white's, no chroma."""
    zero, scale, _ = colours.code_range(frame.full_range, frame.format.bits)
    fmt = frame.format
    luma = to_integers(pha * np.float32(scale) + np.float32(zero), fmt.bits) << fmt.shift
    if fmt.family == "gbr":
        return luma, luma, luma
    middle = fmt.dtype(black(frame)[-1])
    return luma, *(np.broadcast_to(middle, plane.shape) for plane in frame.planes[1:])


def _on_white(matte: Matte) -> tuple[Plane, ...]:
    return blended(matte.fgr, solid(matte.fgr, (1, 1, 1)), matte.pha)


def _triptych(frame: Frame, matte: Matte) -> Frame:
    panels = {"original": frame.planes, "foreground": _on_white(matte), "alpha": _grey(frame, matte.pha)}
    labelled = [_labelled(_aligned(planes, frame), text, frame) for text, planes in panels.items()]
    return frame.with_planes(tuple(np.concatenate(row, axis=1) for row in zip(*labelled, strict=True)))


def _aligned(planes: tuple[Plane, ...], frame: Frame) -> tuple[Plane, ...]:
    """Panels begin at whole chroma samples: the luma of an odd width repeats its last column."""
    spare = -frame.size[0] % frame.format.sub[0]
    if not spare:
        return planes
    return cv2.copyMakeBorder(planes[0], 0, 0, 0, spare, cv2.BORDER_REPLICATE), *planes[1:]


def _labelled(planes: tuple[Plane, ...], text: str, frame: Frame) -> tuple[Plane, ...]:
    """White letters with a black rim in the bottom left corner, in luma only: chroma is too coarse for letters."""
    white, rim = _letters(text, (planes[0].shape[1], planes[0].shape[0]))
    zero, scale, _ = colours.code_range(frame.full_range, frame.depth)
    count = 3 if frame.format.family == "gbr" else 1
    return *(_written(p, white, rim, int(zero), int(zero + scale)) for p in planes[:count]), *planes[count:]


def _written(plane: Plane, white: Array, rim: Array, low: int, high: int) -> Plane:
    """A copy of the plane with letters in its last rows."""
    plane = plane.copy()
    part = plane[-white.shape[0] :]
    for pha, code in ((rim, low), (white, high)):
        part[...] = over(np.broadcast_to(plane.dtype.type(code), part.shape), part, pha)
    return plane


@lru_cache(maxsize=12)
def _letters(text: str, size: Size) -> tuple[Array, Array]:
    """(the letters, the letters with their rim) as alpha: the lowest rows of a picture of `size`, full width, float32."""
    width, height = size
    rows = max(1, height // 12)
    mask = np.zeros((rows, width), np.uint8)
    cv2.putText(mask, text, (rows // 3, rows * 2 // 3), cv2.FONT_HERSHEY_SIMPLEX, rows / 36, 255, max(1, rows // 24), cv2.LINE_AA)
    reach = 2 * max(1, rows // 24) + 1
    rim = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return mask.astype(np.float32) * np.float32(1 / 255), rim.astype(np.float32) * np.float32(1 / 255)
