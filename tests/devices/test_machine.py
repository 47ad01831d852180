"""The machine itself: what the other tests take for granted."""

import subprocess
import threading
from pathlib import Path

import av
import numpy as np
import pytest
import pyvirtualcam

pytestmark = pytest.mark.camera

CAMERA = "/dev/video0"
VIRTUAL = "/dev/video10"
WIDTH, HEIGHT = 320, 180


def test_the_camera_shows_what_it_is_told_to(kept: Path) -> None:
    # blue in the camera's colours, BT.601 limited; the text in the picture is off
    subprocess.run(["v4l2-ctl", "-d", CAMERA, "-c", "test_pattern=9,osd_text_mode=2"], check=True)
    options = {"input_format": "yuv420p", "video_size": f"{WIDTH}x{HEIGHT}", "framerate": "25"}
    with av.open(CAMERA, format="v4l2", options=options) as camera:
        frame = next(camera.decode(video=0))
        # within the block: the frame lies in the driver's memory, which goes with the container
        frame.to_image().save(kept / "camera.png")
        assert (frame.width, frame.height, frame.format.name) == (WIDTH, HEIGHT, "yuv420p")
        found = [round(float(np.mean(np.asarray(plane)))) for plane in frame.planes]
    np.testing.assert_allclose(found, [41, 240, 110], atol=1)


def test_the_virtual_camera_hands_on_every_byte() -> None:
    picture = np.random.default_rng(3).integers(0, 256, WIDTH * HEIGHT * 3 // 2, dtype=np.uint8)
    done = threading.Event()

    with pyvirtualcam.Camera(WIDTH, HEIGHT, 25, fmt=pyvirtualcam.PixelFormat.I420, device=VIRTUAL) as writer:

        def write() -> None:
            while not done.wait(0.04):
                writer.send(picture)

        writer.send(picture)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            with av.open(VIRTUAL, format="v4l2") as consumer:
                frames = [frame.to_ndarray() for frame, _ in zip(consumer.decode(video=0), range(5), strict=False)]
        finally:
            done.set()
            thread.join()
    assert len(frames) == 5
    for frame in frames:
        np.testing.assert_array_equal(frame.ravel(), picture)
