"""What is done to a matte once its network, or another way, has given it: what hangs together, what holds still, who stays, and which
props stay with them.

All but the props happens on the small alpha (matting/draft.py), before the full size is made, in the order of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence

from livematte.bodies import Bodies, Keep
from livematte.frame import Frame, Matte, Size
from livematte.matting.base import Matter
from livematte.matting.draft import small_of, with_small
from livematte.motion import Moment, Motion
from livematte.overview import seen
from livematte.planes import Array
from livematte.props import Props
from livematte.smooth import Smoother
from livematte.tidy import Tidy


class Finish:
    """step() takes a source's frames in order. smooth: seconds in which still parts settle, 0 for none; coarse: as of Smoother. tidy: small
    holes and specks are mended. keep: "all", "nearest" or how many of the nearest people. smooth and keep may be set anew.

    watches: it tells where scenes start, in `starts`, also where there is nothing to do."""

    def __init__(
        self,
        *,
        smooth: float = 0.0,
        coarse: bool = False,
        tidy: bool = False,
        keep: Keep = "all",
        props: Props | None = None,
        watches: bool = False,
    ) -> None:
        self._motion, self._smoother, self._bodies = Motion(), Smoother(smooth, coarse=coarse), Bodies(keep)
        self._tidy = Tidy() if tidy else None
        self._props, self._watches = props, watches
        self._clicked = False
        self.starts = False

    @property
    def smooth(self) -> float:
        return self._smoother.seconds

    @smooth.setter
    def smooth(self, seconds: float) -> None:
        self._smoother.seconds = seconds

    @property
    def keep(self) -> Keep:
        return self._bodies.keep

    @keep.setter
    def keep(self, keep: Keep) -> None:
        self._bodies.keep = keep

    def check(self, size: Size) -> None:
        """SettingsError for props that are of another shape than frames of that size, with square pixels."""
        if self._props is not None:
            self._props.check(size)

    def choose(self, x: float, y: float) -> None:
        """Keeps alone who is at that place of the frame, as fractions of its width and height; where nobody is, all is as before. From any
        thread."""
        self._clicked = True
        self._bodies.choose(x, y)

    def step(self, frame: Frame, matte: Matte) -> Matte:
        """The matte as it is shown. A cut, another size or a step back in time starts anew."""
        changes = self._tidy is not None or self._smoother.seconds > 0 or self._bodies.keep != "all" or self._clicked
        if not changes:  # what they know of before must not be taken for the last frame's, once they are asked again
            self._smoother.reset()
            self._bodies.reset()
        if not (changes or self._props or self._watches):
            return matte
        moment = self._motion.step(frame)
        self.starts, gone = moment.starts, None
        if changes:
            matte, gone = self._changed(moment, frame, matte)
        if self._props is not None:
            if moment.starts:
                self._props.reset()
            matte = self._props.step(frame, matte, gone=gone)
        return matte

    def _changed(self, moment: Moment, frame: Frame, matte: Matte) -> tuple[Matte, Array | None]:
        """And the alpha of who is not kept, on the luma's grid; None: all are."""
        before = small = small_of(frame, matte)
        if self._tidy is not None:
            small = small._replace(pha=self._tidy.step(moment, small))
        small = small._replace(pha=self._smoother.step(moment, small))
        kept = self._bodies.step(moment, small, frame)
        gone = None if kept is small.pha else seen(small._replace(pha=small.pha - kept), moment)
        return with_small(frame, matte, before, kept), gone

    def reset(self) -> None:
        """Nothing of before counts any more."""
        self._motion.reset()
        self._smoother.reset()
        self._bodies.reset()
        if self._tidy is not None:
            self._tidy.reset()
        if self._props is not None:
            self._props.reset()


class Finished:
    """A Matter whose mattes are finished."""

    def __init__(self, matter: Matter, finish: Finish) -> None:
        self._matter, self._finish = matter, finish

    @property
    def ran(self) -> bool:
        """Whether the matter's network was run for the last frame."""
        return bool(getattr(self._matter, "ran", True))

    def step(self, frame: Frame) -> Matte:
        return self._finish.step(frame, self._matter.step(frame))

    def reset(self) -> None:
        self._matter.reset()
        self._finish.reset()

    def prime(self, frames: Sequence[Frame]) -> None:
        self._matter.prime(frames)
        self._finish.reset()
