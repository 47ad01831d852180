"""What is made for a size of picture, kept while that size is in use."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")
Sides = tuple[Any, ...]  # (height, width), or whatever else tells one size from another

_KEPT = 4  # sizes: the whole picture, and those between which the part that is followed changes. A network takes some 40 MB for each


class Kept(Generic[Made]):
    """get(size) makes what is not there, and lets go of what was not asked for the longest. For one thread."""

    def __init__(self, make: Callable[[Sides], Made]) -> None:
        self._make = make
        self._made: OrderedDict[Sides, Made] = OrderedDict()
        self._ahead: _Ahead[Made] | None = None

    def get(self, size: Sides) -> Made:
        if size not in self._made:
            self._keep(size, self._take_ahead() if self._ahead and self._ahead.size == size else self._make(size))
        self._made.move_to_end(size)
        return self._made[size]

    def put(self, size: Sides, made: Made) -> None:
        """What get(size) gives from now on."""
        self._made.pop(size, None)
        self._keep(size, made)

    def _keep(self, size: Sides, made: Made) -> None:
        while len(self._made) >= _KEPT:
            self._made.popitem(last=False)
        self._made[size] = made

    def _take_ahead(self) -> Made:
        """What was made in the background, which is waited for; a failure is forgotten with it."""
        assert self._ahead is not None
        ahead, self._ahead = self._ahead, None
        return ahead.result()

    def ready(self, size: Sides) -> bool:
        """Whether get(size) need not wait. If not, it is made in the meantime, where nothing else is."""
        if size in self._made:
            return True
        if self._ahead is not None and self._ahead.done and self._ahead.size != size:
            self._keep(self._ahead.size, self._take_ahead())
        if self._ahead is None:
            self._ahead = _Ahead(self._make, size)
        return self._ahead.size == size and self._ahead.done

    @property
    def making(self) -> bool:
        """Whether something is being made in the background, and takes the cores' time."""
        return self._ahead is not None and not self._ahead.done

    def clear(self) -> None:
        if self._ahead is not None:
            self._ahead.join()  # or the program might end under it
        self._made.clear()
        self._ahead = None


class _Ahead(Generic[Made]):
    """One thing that is made in a thread of its own."""

    def __init__(self, make: Callable[[Sides], Made], size: Sides) -> None:
        self.size = size
        self._make = make
        self._made: list[Made] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="making a network", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._made.append(self._make(self.size))
        except Exception as error:  # noqa: BLE001 - raised where it is asked for
            self._error = error

    def join(self) -> None:
        self._thread.join()

    def result(self) -> Made:
        self.join()
        if self._error is not None:
            raise self._error
        return self._made[0]
