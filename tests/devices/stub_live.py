"""livematte's command line with everything real but the network: the left half of every picture is a person."""

import sys

import numpy as np

from livematte import cli, live_job
from livematte.frame import Frame, Matte


class LeftHalf:
    """A Matter that needs no weights and no time."""

    def step(self, frame: Frame) -> Matte:
        pha = np.zeros(frame.planes[0].shape, np.float32)
        pha[:, : pha.shape[1] // 2] = 1
        return Matte(pha, frame)

    def reset(self) -> None: ...

    def prime(self, frames: object) -> None: ...


live_job.LiveJob._open_matter = lambda self, path: LeftHalf()
sys.exit(cli.main())
