"""Makes examples/portrait.mp4: a person who moves in front of a moving picture, with sound.

The portrait is skimage.data.astronaut() (NASA, public domain). livematte itself cuts it out; the lights behind it and the music are
computed here, from one seed. Everything moves on whole periods, so that the clip loops without a jump.

    pip install -e '.[example]' && python scripts/make_example.py [OUTPUT]
"""

import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import livematte

WIDTH, HEIGHT, FPS, SECONDS = 640, 360, 30, 5
SAMPLE_RATE = 48_000
LAST_ROW = 350  # below it a helmet hides the arm
TAU = 2 * np.pi

Picture = NDArray[np.float32]  # (H, W, 3) RGB in [0, 1]
Plane = NDArray[np.float32]  # (H, W) in [0, 1]


@dataclass(frozen=True)
class Light:
    """One lamp out of focus. x, y, radius in pixels; travel: whole widths that it drifts in the clip; twinkle: cycles in the clip."""

    x: float
    y: float
    radius: float
    colour: tuple[float, float, float]
    travel: int
    twinkle: int


def cut_out(rgb: NDArray[np.uint8]) -> tuple[Picture, Plane]:
    """The person of the portrait: foreground colour and alpha, the upper LAST_ROW rows."""
    pha = filled(livematte.matte_image(rgb))
    fgr = foreground(rgb.astype(np.float32) / 255, pha)
    return fgr[:LAST_ROW], pha[:LAST_ROW]


def filled(pha: Plane) -> Plane:
    """Alpha with its holes closed: the network takes the name badge and the back of the collar for background."""
    outlines, _ = cv2.findContours((pha > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = cv2.drawContours(np.zeros(pha.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    inside = cv2.erode(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)), borderValue=1)
    return np.maximum(pha, inside).astype(np.float32)


def foreground(rgb: Picture, pha: Plane, radius: int = 9) -> Picture:
    """The person's own colour also where the wall shows through.

    The colours of both sides are means over the neighbourhood, weighted by alpha; what is then missing of I = aF + (1-a)B goes to F
    (Forte, "Approximate fast foreground colour estimation", 2021)."""
    weight = pha[..., None]
    fgr = mean_where(rgb, weight, radius)
    bgr = mean_where(rgb, 1 - weight, radius)
    return np.clip(fgr + weight * (rgb - weight * fgr - (1 - weight) * bgr), 0, 1)


def mean_where(rgb: Picture, weight: Picture, radius: int) -> Picture:
    """The weighted mean of the colours in a box of 2 radius + 1 pixels."""
    size = (2 * radius + 1, 2 * radius + 1)
    return cv2.blur(rgb * weight, size) / (cv2.blur(weight, size)[..., None] + 1e-5)


def pose(phase: float) -> NDArray[np.float64]:
    """Where the portrait stands at that part [0, 1) of the clip: the affine map from its pixels to the frame's."""
    sway = 26 * np.sin(TAU * phase) + 7 * np.sin(3 * TAU * phase + 0.8)
    turn = 1.6 * np.sin(2 * TAU * phase + 0.5)
    scale = 1.03 + 0.02 * np.cos(TAU * phase)
    bob = 2.0 * np.sin(4 * TAU * phase)
    pivot = (190.0, float(LAST_ROW))
    matrix = cv2.getRotationMatrix2D(pivot, turn, scale)
    matrix[:, 2] += (WIDTH / 2 - pivot[0] + sway, HEIGHT + 9 + bob - pivot[1])
    return matrix


def person_at(fgr: Picture, pha: Plane, phase: float) -> Picture:
    """The person in the frame: (HEIGHT, WIDTH, 4), premultiplied, so that resampling mixes no foreign colour in."""
    cutout = np.dstack([fgr * pha[..., None], pha])
    return np.clip(cv2.warpAffine(cutout, pose(phase), (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), 0, 1)


def street_lights(rng: np.random.Generator, count: int = 46) -> list[Light]:
    """Lamps of a street at dusk, the small ones first: they are the far ones, and drift the least."""
    palette = [(1.0, 0.62, 0.25), (1.0, 0.82, 0.5), (0.98, 0.35, 0.3), (0.45, 0.75, 1.0), (0.4, 0.95, 0.75), (0.95, 0.55, 0.9)]
    lights = []
    for radius in np.sort(rng.uniform(9, 44, count)):
        x, y = rng.uniform(0, WIDTH), rng.normal(0.45, 0.2) * HEIGHT
        colour = palette[rng.integers(len(palette))]
        lights.append(Light(x, y, radius, colour, 1 if radius > 28 else 0, int(rng.integers(1, 4))))
    return lights


def scene_at(lights: list[Light], phase: float) -> Picture:
    """What is behind the person: a dusk sky that changes slowly, and the lights in front of it."""
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    glow = 0.5 + 0.5 * np.sin(TAU * (x + phase))
    sky = np.array([0.16, 0.2, 0.38], np.float32) * (1 - y) + np.array([0.5, 0.3, 0.3], np.float32) * y * (0.7 + 0.3 * glow)
    for light in lights:
        add_light(sky, light, phase)
    return np.clip(cv2.GaussianBlur(sky, (0, 0), 1.6), 0, 1)


def add_light(picture: Picture, light: Light, phase: float) -> None:
    """Screens one disc onto the picture; drifting ones leave on the left and come in again on the right."""
    span = WIDTH + 2 * light.radius
    x = (light.x - light.travel * phase * span + light.radius) % span - light.radius
    x += 0 if light.travel else light.radius * np.sin(TAU * phase)
    disc = np.zeros(picture.shape[:2], np.float32)
    centre = (round(x * 16), round(light.y * 16))  # in sixteenths: whole pixels would stutter
    cv2.circle(disc, centre, round(light.radius * 16), 1.0, cv2.FILLED, cv2.LINE_AA, shift=4)
    power = 0.42 + 0.13 * np.sin(TAU * (light.twinkle * phase + light.x / WIDTH))
    picture += disc[..., None] * power * np.array(light.colour, np.float32) * (1 - picture)


def frames() -> list[NDArray[np.uint8]]:
    """All pictures of the clip, (HEIGHT, WIDTH, 3) uint8 RGB."""
    from skimage import data

    fgr, pha = cut_out(data.astronaut())
    rng = np.random.default_rng(2108)
    lights = street_lights(rng)
    count = FPS * SECONDS
    return [picture_at(fgr, pha, lights, index / count, rng) for index in range(count)]


def picture_at(fgr: Picture, pha: Plane, lights: list[Light], phase: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One picture, with a camera's grain."""
    person = person_at(fgr, pha, phase)
    rgb = person[..., :3] + scene_at(lights, phase) * (1 - person[..., 3:])
    grain = rng.normal(0, 0.008, (HEIGHT, WIDTH, 1))
    return np.clip(np.rint((rgb + grain) * 255), 0, 255).astype(np.uint8)


def music() -> Picture:
    """A slow arpeggio of plucked tones: (2, samples) float32 in [-1, 1]."""
    notes = [220.0, 329.63, 440.0, 523.25, 659.25, 523.25, 440.0, 329.63, 174.61, 261.63, 349.23, 440.0, 523.25, 440.0, 349.23, 261.63]
    sound = np.zeros((2, SAMPLE_RATE * SECONDS), np.float64)
    for index, pitch in enumerate(notes):
        start = index * sound.shape[1] // len(notes)
        right = 0.5 + 0.3 * np.sin(index)
        sound[:, start:] += np.outer((1 - right, right), pluck(pitch, sound.shape[1] - start))
    fade = np.minimum(1, np.arange(sound.shape[1])[::-1] / (0.4 * SAMPLE_RATE))
    return (0.5 * fade * sound / np.abs(sound).max()).astype(np.float32)


def pluck(pitch: float, samples: int) -> NDArray[np.float64]:
    """One tone: harmonics of which the higher ones die sooner."""
    time = np.arange(samples) / SAMPLE_RATE
    attack = np.minimum(1, time / 0.008)
    return attack * sum(np.sin(TAU * k * pitch * time) * np.exp(-time * (1.2 + k)) / k**2 for k in (1, 2, 3, 4))


def write(path: Path, pictures: list[NDArray[np.uint8]], sound: Picture) -> None:
    """H.264 and AAC in an mp4 that players can start before they have all of it."""
    with av.open(path, "w", options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.color_range, video.codec_context.colorspace = 1, 1
        audio = file.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=128_000)
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(video.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        file.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
        samples.sample_rate, samples.pts, samples.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        file.mux(audio.encode(samples))
        file.mux(audio.encode(None))


def main() -> None:
    default = Path(__file__).resolve().parent.parent / "examples" / "portrait.mp4"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    write(path, frames(), music())
    print(f"wrote {path}: {SECONDS} s, {WIDTH}x{HEIGHT}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
