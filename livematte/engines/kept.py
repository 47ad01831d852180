"""What is made for a size of picture, kept while that size is in use."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")
Sides = tuple[int, int]

_KEPT = 4  # sizes: the whole picture, and those between which the part that is followed changes. A network takes some 40 MB for each


class Kept(Generic[Made]):
    """get(size) makes what is not there, and lets go of what was not asked for the longest."""

    def __init__(self, make: Callable[[Sides], Made]) -> None:
        self._make = make
        self._made: OrderedDict[Sides, Made] = OrderedDict()

    def get(self, size: Sides) -> Made:
        if size not in self._made:
            while len(self._made) >= _KEPT:
                self._made.popitem(last=False)
            self._made[size] = self._make(size)
        self._made.move_to_end(size)
        return self._made[size]

    def clear(self) -> None:
        self._made.clear()
