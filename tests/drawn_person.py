"""A drawn person, for tests that need a matte: simple enough to draw, near enough for the network to see one (a quarter of the
picture)."""

import cv2
import numpy as np
from numpy.typing import NDArray


def drawn_person(size: tuple[int, int], step: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, size (width, height): head and shoulders before a blurred wall, swaying from step to step."""
    width, height = size
    scale = height / 180
    wall = np.random.default_rng(1).integers(40, 200, (5, 8, 3), dtype=np.uint8)
    picture = cv2.resize(wall, size, interpolation=cv2.INTER_CUBIC)
    middle = width / 2 + np.sin(step / 5) * width / 10

    def oval(x: int, y: int, radii: tuple[int, int], colour: tuple[int, int, int]) -> None:
        centre = round(middle + x * scale), round(height * 0.35 + y * scale)
        axes = max(1, round(radii[0] * scale)), max(1, round(radii[1] * scale))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1)

    oval(0, 120, (62, 70), (40, 50, 120))  # shirt
    oval(0, 40, (14, 24), (205, 160, 135))  # neck
    oval(0, -6, (31, 38), (50, 35, 25))  # hair
    oval(0, 4, (25, 34), (225, 180, 155))  # face
    oval(-10, -2, (4, 2), (30, 20, 20))
    oval(10, -2, (4, 2), (30, 20, 20))
    oval(0, 20, (9, 3), (170, 70, 70))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def drawn_source(size: tuple[int, int], step: int = 0) -> NDArray[np.float32]:
    """The same as a network takes it: (3, H, W) float32 in [0, 1]."""
    return np.ascontiguousarray(drawn_person(size, step).transpose(2, 0, 1), np.float32) / np.float32(255)
