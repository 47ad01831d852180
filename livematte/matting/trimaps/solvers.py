"""Alpha and foreground colour of one picture by PyMatting's methods, each by its name, and by OpenCV's information flow.

closed-form   Levin, Lischinski, Weiss, CVPR 2006       knn           Chen, Li, Tang, CVPR 2012
lbdm          Zheng, Kambhamettu, ICCV 2009             random-walk   Grady, Schiwietz, Aharon, VIIP 2005
large-kernel  He, Sun, Tang, CVPR 2010                  shared        Gastal, Oliveira, Eurographics 2010
information-flow  Aksoy, Aydin, Pollefeys, CVPR 2017    foreground()  Germer et al., arXiv 2006.14970 (multi-level)
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livematte.errors import EngineError, SettingsError

Array = NDArray[np.float32]
Trimap = NDArray[np.uint8]
BACKGROUND, UNKNOWN, FOREGROUND = 0, 128, 255

_log = logging.getLogger(__name__)
# PyMatting's loops over all cores must not be entered by two threads at once: where numba has only its own thread pool, that aborts.
_ONE_AT_A_TIME = threading.RLock()
_SLOW_LOAD = 3.0  # seconds after which loading is explained: numba compiles PyMatting once, which takes half a minute
_EPSILON = 1e-6  # of closed-form: 1e-7 is as good on clean pictures and follows the noise of compressed ones
_LEANING = 1e-3  # weight of a prior against the Laplacian's diagonal, which is about 1
_TOLERANCE = 1e-6  # of the residual, against the right side: 2e-4 of alpha
_DISCARD = 1e-2  # of the factorisation: more steps, each of less, in a third of the time of PyMatting's 1e-4
_STRIP = 64  # rows whose part of the matting Laplacian is held at once: 400 bytes a pixel
_ALIKE = 0.02  # of R'G'B': colours no farther apart are taken for the same
_REACH, _OF_BAND = 10, 0.4  # pixels over which what is known spreads to what looks the same; of a narrow band, no more than such a part


Solve = Callable[[Array, Trimap, Array | None], NDArray[Any]]


class Method(NamedTuple):
    """solve: rgb (H, W, 3) float32 in [0, 1], trimap, a prior or None -> alpha (H, W). most: pixels that it does in some ten seconds on
    one core.

    leans: whether it spends its time on unknown pixels alone, and leans on a prior; else on all of the piece that holds these."""

    solve: Solve
    most: int
    leans: bool = False

    def cost(self, trimap: Trimap) -> int:
        return int(np.count_nonzero(trimap == UNKNOWN)) if self.leans else trimap.size


def solved(rgb: Array, trimap: Trimap, method: str, *, prior: Array | None = None) -> Array:
    """Alpha (H, W) float32 in [0, 1], exact where it is known, by one of METHODS, on the whole picture, in whatever time that takes.

    rgb: (H, W, 3) float32 in [0, 1]. trimap: with some of each kind. prior: (H, W), what alpha is near to, not a
    number where that is not known; only closed-form heeds it.
    EngineError where the method's package is not here; SettingsError where it gives up on this picture, from which nothing follows for
    the next."""
    with _ONE_AT_A_TIME:
        pha = METHODS[method].solve(np.clip(rgb, 0, 1), trimap, prior)
    return kept(np.asarray(pha, np.float32), trimap)


def kept(pha: Array, trimap: Trimap) -> Array:
    """Alpha in [0, 1], as the trimap says where that says it."""
    return np.where(trimap == UNKNOWN, np.clip(pha, 0, 1), np.float32(1) * (trimap == FOREGROUND)).astype(np.float32)


def foreground(rgb: Array, pha: Array) -> Array:
    """The straight foreground colour, (H, W, 3) float32 in [0, 1], of a picture and its alpha; where alpha is 1 nearly the picture's."""
    pymatting = load_pymatting()
    with _ONE_AT_A_TIME:
        return np.asarray(pymatting.estimate_foreground_ml(rgb, pha), np.float32)


def expanded(rgb: Array, trimap: Trimap) -> Trimap:
    """The trimap with less unknown: what is known spreads to pixels near it that look the same (Gastal and Oliveira 2010, section 4).

    On scenes with known alpha it takes 30 % off closed-form's error in a 20-pixel band, and half of the time. In a band of 10 pixels a
    reach of 10 would add as much (MAD 26.9, 19.8, 22.8 x1e-3 on three scenes), one of 4 takes 20 % off (16.4, 12.8, 10.9)."""
    load_pymatting()
    from pymatting.alpha.estimate_alpha_sm import expand_trimap

    known = _in_floats(trimap, np.float32)
    more = known.copy()
    reach = max(1, min(_REACH, round(_OF_BAND * _band_of(trimap))))
    with _ONE_AT_A_TIME:
        expand_trimap(more, known, np.ascontiguousarray(rgb, np.float32), reach, _ALIKE)
    return np.where(more == 1, np.uint8(FOREGROUND), np.where(more == 0, np.uint8(BACKGROUND), np.uint8(UNKNOWN)))


def _band_of(trimap: Trimap) -> float:
    """The width of what is unknown: of an even band of w pixels the mean distance to a known one is (w + 2) / 4."""
    unknown = trimap == UNKNOWN
    if not unknown.any():
        return 0.0
    distance = cv2.distanceTransform(unknown.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return 4 * float(distance[unknown].mean()) - 2


def check_available(method: str) -> None:
    """EngineError where the method's package is not here. ValueError for a method of another name."""
    if method not in METHODS:
        raise ValueError(f"got method {method!r}, wanted one of {', '.join(METHODS)}")
    if method == "information-flow":
        _alphamat()
    load_pymatting()  # the foreground's colour is its work for all of them


def load_pymatting() -> Any:
    """The package. EngineError names the extra that brings it. The first time on a machine takes half a minute, and is told about."""
    patience = threading.Timer(_SLOW_LOAD, _log.warning, ["PyMatting is being compiled, once, for half a minute"])
    patience.daemon = True
    patience.start()
    try:
        import pymatting

        return pymatting
    except ImportError as error:
        raise EngineError(f"mattes from trimaps and strokes need PyMatting ({error}); try pip install 'livematte[trimap]'") from error
    finally:
        patience.cancel()


def _alphamat() -> Any:
    module = getattr(cv2, "alphamat", None)
    if module is None:
        raise EngineError(
            f"information-flow needs OpenCV with its contrib module alphamat, built with Eigen; OpenCV {cv2.__version__} here has none "
            "(neither have the wheels of PyPI); try closed-form, or a Linux distribution's python3-opencv"
        )
    return module


def _in_floats(trimap: Trimap, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """0, 0.5 and 1, as PyMatting has it."""
    return np.where(trimap == UNKNOWN, dtype(0.5), (trimap == FOREGROUND).astype(dtype))


def _estimate(name: str, **options: Any) -> Solve:
    """One of PyMatting's own functions."""

    def solve(rgb: Array, trimap: Trimap, prior: Array | None) -> NDArray[Any]:
        pymatting = load_pymatting()
        try:
            return getattr(pymatting, f"estimate_alpha_{name}")(rgb.astype(np.float64), _in_floats(trimap, np.float64), **options)
        except ValueError as error:
            raise _gave_up(error) from error

    return solve


def _large_kernel(rgb: Array, trimap: Trimap, prior: Array | None) -> NDArray[Any]:
    radius = min(10, (min(trimap.shape) - 1) // 4)  # PyMatting's own, as far as its windows' windows fit
    if not radius:
        raise _gave_up(ValueError(f"it is {trimap.shape[1]}x{trimap.shape[0]}, less than this method looks at"))
    return _estimate("lkm", laplacian_kwargs={"radius": radius})(rgb, trimap, prior)


def _closed_form(rgb: Array, trimap: Trimap, prior: Array | None) -> NDArray[Any]:
    """estimate_alpha_cf without its memory for known pixels: the rows of the unknown ones are put together strip by strip."""
    from scipy.sparse import diags, vstack

    unknown = trimap.ravel() == UNKNOWN
    rows = vstack([_rows(rgb, trimap, start) for start in range(0, trimap.shape[0], _STRIP)], format="csr")
    pha = (trimap.ravel() == FOREGROUND).astype(np.float64)
    matrix, right = rows[:, unknown], -rows.dot(pha)
    start = None
    if prior is not None:
        near = prior.ravel()[unknown].astype(np.float64)
        leaning = _LEANING * ~np.isnan(near)
        start = np.nan_to_num(near, nan=0.5)
        matrix, right = (matrix + diags(leaning)).tocsr(), right + leaning * start
    pha[unknown] = _conjugate_gradients(matrix, right, start)
    return pha.reshape(trimap.shape)


def _rows(rgb: Array, trimap: Trimap, start: int) -> Any:
    """Rows of the matting Laplacian: of the unknown pixels in a strip. (unknown, H W) in scipy's csr."""
    from scipy.sparse import csr_matrix

    height, width = trimap.shape
    end = min(start + _STRIP, height)
    top, bottom = max(0, start - 2), min(height, end + 2)  # 3 x 3 windows that hold a pixel of the strip
    part = np.ascontiguousarray(rgb[top:bottom], np.float64)
    laplacian = load_pymatting().cf_laplacian(part, epsilon=_EPSILON, is_known=np.ascontiguousarray(trimap[top:bottom]) != UNKNOWN)
    wanted = np.flatnonzero(trimap[start:end].ravel() == UNKNOWN) + (start - top) * width
    piece = laplacian[wanted]
    piece.eliminate_zeros()
    return csr_matrix((piece.data, piece.indices + top * width, piece.indptr), (len(wanted), height * width))


def _conjugate_gradients(matrix: Any, right: NDArray[np.float64], start: NDArray[np.float64] | None) -> NDArray[np.float64]:
    try:
        return load_pymatting().cg(matrix, right, x0=start, M=_factors(matrix), rtol=_TOLERANCE, atol=_TOLERANCE**2)
    except ValueError as error:
        raise _gave_up(error) from error


def _factors(matrix: Any) -> Any:
    """An incomplete Cholesky factorisation. PyMatting's default takes 4 GB of address space, and tells of a second try on standard
    output, which may be a stream of video."""
    with redirect_stdout(io.StringIO()):
        return load_pymatting().ichol(matrix, discard_threshold=_DISCARD, max_nnz=4 * matrix.nnz + 1000)


def _gave_up(error: ValueError) -> SettingsError:
    return SettingsError(f"no alpha was found for this trimap ({error}); try another method, or a trimap with less of it unknown")


def _information_flow(rgb: Array, trimap: Trimap, prior: Array | None) -> NDArray[Any]:
    bgr = np.ascontiguousarray(np.rint(rgb[..., ::-1] * 255), np.uint8)
    pha = _alphamat().infoFlow(bgr, np.ascontiguousarray(trimap))
    return pha.astype(np.float32) * np.float32(1 / 255)


METHODS = {
    "closed-form": Method(_closed_form, 1_000_000, leans=True),
    "knn": Method(_estimate("knn"), 200_000),
    "lbdm": Method(_estimate("lbdm", preconditioner=_factors), 400_000),
    "random-walk": Method(_estimate("rw"), 1_000_000),
    "large-kernel": Method(_large_kernel, 500_000),
    "shared": Method(_estimate("sm"), 2_000_000),
    "information-flow": Method(_information_flow, 1_000_000),
}
