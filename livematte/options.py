"""The command line's words: what `livematte --help` lists.

Built on argparse, whose import costs a tenth of what richer ones do: `livematte --help` is to answer at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NoReturn

from livematte.errors import SettingsError

_OUTPUTS = """\
OUTPUT, by its name:
  .mov   ProRes 4444 with alpha (default: NAME.matte.mov)    .webm  VP9 with alpha
  .mkv   FFV1 with alpha, lossless                           .mp4   H.264, no alpha
  .gif .webp .png  animated                                  folder/ or .zip  PNG pictures
  .png .tif .webp .avif .jpg  one picture (.jpg: no alpha)
  vcam, vcam:/dev/video10  a virtual camera                  window  a preview, with keys (? lists them)
  rtmp:// rtsp:// udp:// whip+https:// ndi:NAME  streams     -  NUT on standard output

commands:
  livematte devices          cameras, virtual cameras, streams
  livematte models           every way to a matte: what it needs, its licence, whether it is here
  livematte models fetch NAME
  livematte doctor           what is installed and what is missing
  livematte evaluate PRED TRUTH   how far mattes are from the truth; livematte evaluate --help
  livematte bench            how fast and how good it is on this machine; livematte bench --help

examples:
  livematte talk.mp4                           talk.matte.mov, for a video editor
  livematte talk.mp4 -o talk.webm              for a web page
  livematte talk.mp4 -b beach.jpg -o new.mp4   over a picture; a video is looped
  livematte talk.mp4 -b blur -o a.mp4 -o b.mov several outputs from one pass
  livematte photos/ -o cutouts/                a folder of pictures
  livematte stage.mp4 --key green              a green screen
  livematte cam -o vcam -b blur                a virtual background for any call
"""


class Parser(argparse.ArgumentParser):
    """Tells wrong usage in two lines rather than with the whole usage text."""

    def error(self, message: str) -> NoReturn:
        first, _, more = message.partition("unrecognized arguments: ")
        if not first and os.path.exists(more.partition(" ")[0]):  # a glob that the shell has spelt out
            raise SettingsError("got several inputs, wanted one; give a folder, or quote the glob: 'photos/*.jpg'")
        raise SettingsError(f"{message}\nTry: livematte --help")


def parser(version: type[argparse.Action]) -> argparse.ArgumentParser:
    """Of the default command. version: what --version does."""
    made = Parser(
        prog="livematte",
        usage="livematte INPUT [-o OUTPUT]... [options]\n       livematte models | devices | doctor | bench | evaluate",
        description="Takes people out of video: a clip becomes a video with alpha, or over a new background.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_OUTPUTS,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    add = made.add_argument
    add(
        "input",
        metavar="INPUT",
        nargs="?",
        help="a video, a picture, a folder or glob of pictures, cam, cam:1, a URL, - (standard input), pattern",
    )
    add("-o", "--output", metavar="OUTPUT", dest="outputs", action="append", help="where to; may be given several times")
    add(
        "-b",
        "--background",
        metavar="BG",
        action="append",
        help="none (default), green, '#rrggbb', blur[:STRENGTH], a picture, a video (looped); live: several, the key b goes on",
    )
    add("--view", metavar="VIEW", help="auto, composite, cutout, alpha, foreground, triptych (clips only)")
    add("--start", metavar="TIME", help="begin here: seconds or m:ss")
    add("--end", metavar="TIME", help="stop before this")
    add("--frames", metavar="N", help="at most N frames")
    _add_methods(made.add_argument_group("the way to a matte (`livematte models` lists all)").add_argument)
    _add_matting(made.add_argument_group("matting").add_argument)
    _add_live(made.add_argument_group("cameras and live outputs").add_argument)
    _add_files(made.add_argument_group("files and streams").add_argument)
    add("--config", metavar="FILE.toml", help="options from a file; those given here come first")
    add("-y", "--overwrite", action="store_true", help="overwrite outputs that exist")
    add("-q", "--quiet", action="store_true", help="errors only")
    add("-v", "--verbose", action="store_true", help="tell what is used, and tracebacks")
    add("--report", metavar="FILE.json", help="write what was done, and how long each stage took")
    add("--version", action=version, nargs=0, help="tell the version")
    return made


def _add_methods(add: Callable[..., Any]) -> None:
    add("-m", "--model", metavar="NAME", help="a name, or an .onnx, .tflite, .pth or TorchScript file (rvm-mobilenetv3)")
    add("--weights", metavar="PATH", help="where the model's file lies")
    add("--class", metavar="NAME", dest="of_class", help="of a segmentation network: the class to keep, by name or number (person)")
    add("--plate", metavar="PICTURE", help="the same view without anybody; auto: found in the clip, or taken live after a countdown")
    add("--key", metavar="COLOUR", help="key a screen: green, blue, '#rrggbb', or auto")
    add("--tolerance", metavar="N", help="how far a screen's colour may lie from the key's")
    add("--softness", metavar="N", help="over how far from there alpha rises to 1")
    add("--despill", metavar="N", help="how much of the screen's light to take off all of the person, 0 to 1 (off the edge alone)")
    add("--garbage", metavar="PICTURE", help="white where nobody ever is")
    add("--holdout", metavar="PICTURE", help="white where all is the person, whatever its colour")
    add("--threshold", metavar="HOW", help="what is above a level is the person: otsu, adaptive, or a number from 0 to 1")
    add("--space", metavar="NAME", help="what is compared with the threshold: luma, hue, saturation, lab-a, … (luma)")
    add("--invert", action="store_true", help="the other side of the threshold is the person")
    add("--trimap", metavar="PICTURE", help="white the person, black the rest, grey unknown; a folder for several; auto: from a model")
    add("--strokes", metavar="PICTURE", help="white scribbles on the person, black ones on the rest")


def _add_matting(add: Callable[..., Any]) -> None:
    add("--detail", metavar="PX", help="pixels that people are given, on the longer side (auto: 512, or what costs less)")
    add("--follow", metavar="HOW", help="auto: run the network where people are (default); off: on the whole picture, --detail is of that")
    add("--choke", metavar="PX", help="shrink the matte by so many pixels; negative grows it")
    add("--feather", metavar="PX", help="soften its edge")
    add(
        "--smooth",
        metavar="SECONDS",
        help="how soon still parts settle; moving ones follow at once (networks 0.2, segmentations 0.1)",
    )
    add("--ofd", action="store_true", help="a frame later: where one frame differs from both of its neighbours, take their mean")
    add("--tidy", metavar="HOW", help="auto (default): small holes in people and stray specks do not flicker; off: the matte as it comes")
    add("--keep", metavar="WHO", help="all (default), nearest, or the N nearest people; others and who comes later go with the background")
    add("--props", metavar="WHAT", help="what stays beside people: a picture of it with alpha, or where it stands, X,Y,W,H in percent")
    add("--light-wrap", metavar="N", help="how much of the background's light falls on the person's edge, 0 to 1 (0)")
    add("--match", metavar="N", help="how far the person takes on the background's exposure and white balance, 0 to 1 (0)")
    add("--alpha", metavar="KIND", help="straight (default) or premultiplied")
    add("--device", metavar="DEV", help="auto, cpu, cuda, cuda:1, mps, xpu")
    add("--precision", metavar="P", help="auto, fp32, fp16, bf16, int8")
    add("--runtime", metavar="R", help="auto, openvino, onnxruntime, torch")
    add("--threads", metavar="N", help="CPU threads for the network (all cores)")


def _add_live(add: Callable[..., Any]) -> None:
    add("--size", metavar="WxH", help="what to ask the camera for (1280x720)")
    add("--fps", metavar="N", help="frames a second to ask it for (30)")
    add("--pixel-format", metavar="NAME", help="mjpeg, yuyv422, nv12, … (what reaches size and rate)")
    add("--mirror", action="store_true", help="show the person as in a mirror")
    add("--on-demand", action="store_true", help="open the camera only while a program reads the virtual camera (Linux)")


def _add_files(add: Callable[..., Any]) -> None:
    add("--codec", metavar="NAME", help="h264, hevc, av1, h264_nvenc, prores, ffv1, vp9, …")
    add("--crf", metavar="N", help="quality on the encoder's own scale; lower is better")
    add("--preset", metavar="NAME", help="the encoder's speed preset")
    add("--bitrate", metavar="RATE", help="such as 8M, instead of --crf")
    add("--keyframes", metavar="SECONDS", help="between key frames of a stream (2)")
