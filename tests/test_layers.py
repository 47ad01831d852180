"""Imports go one way: a part of the program knows the parts below it, never those above or beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "livematte"
# From the ground up; those of one line do not know each other, but for BESIDE.
LEVELS = [
    ["errors", "urls", "colour", "channels", "metrics", "heap"],
    ["frame", "sound"],
    ["planes", "profiles", "pyav", "settings", "options"],
    ["lens"],
    ["match", "toning", "wrap"],
    ["belonging"],
    ["sources", "networks", "weights", "engines", "edges", "background", "composite", "sinks", "progress"],
    ["matting", "look"],
    ["motion"],
    ["overview"],
    ["parting"],
    ["smooth", "tidy", "bodies", "props"],
    ["finish"],
    ["pipeline", "live"],
    ["methods", "given"],
    ["opening"],
    ["job", "doctor", "devices"],
    ["live_job"],
    ["library", "bench"],
    ["evaluate"],
    ["cli"],
    [""],  # the package itself, which hands out names of all
]
BESIDE = {("engines", "networks"), ("engines", "weights")}
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
# Who may import which heavy package at all.
OWNERS = {
    "av": {"pyav", "sources", "sinks", "doctor", "devices", "bench"},
    "torch": {"networks", "engines", "weights", "matting", "doctor", "bench"},
    "onnx": {"engines", "weights"},
    "onnxruntime": {"engines", "doctor"},
    "openvino": {"engines", "doctor"},
    "pymatting": {"matting/trimaps/solvers.py"},
    "scipy": {"matting/trimaps/solvers.py"},
    "pyvirtualcam": {"sinks/virtual_camera.py", "doctor"},
    "aiortc": {"sinks/rtc.py"},
    "cyndilib": {"sinks/ndi.py"},
    "pydantic": {"settings"},
    "PIL": {"profiles", "sources/picture_file.py", "sinks/picture_formats.py"},
    "pi_heif": {"sources/heif.py"},
    "tifffile": {"sinks/picture_formats.py"},
    "rich": {"progress"},
    "matplotlib": {"bench/plot.py", "evaluate/telling.py"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


class Imports(ast.NodeVisitor):
    """Names of the modules that a file imports when it runs; what is only for type checking does not count."""

    def __init__(self, package: list[str]) -> None:
        self._package = package
        self.names: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)
        for other in node.orelse:
            self.visit(other)

    def visit_Import(self, node: ast.Import) -> None:
        self.names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self._package[: len(self._package) - node.level + 1] if node.level else []
        home = ".".join([*base, *([node.module] if node.module else [])])
        self.names += [f"{home}.{alias.name}" for alias in node.names]


def imports(path: Path) -> Iterator[str]:
    visitor = Imports(list(path.relative_to(PACKAGE.parent).parent.parts))
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    yield from visitor.names


def parts_known_by(path: Path) -> set[str]:
    """The parts of livematte that a file imports."""
    names = [name.split(".") for name in imports(path)]
    return {name[1] for name in names if name[0] == "livematte" and len(name) > 1} - {part_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    assert part in LEVEL, f"{part} has no place among the levels yet"
    for known in parts_known_by(path):
        assert LEVEL[known] < LEVEL[part] or (part, known) in BESIDE, f"{part} may not import {known}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_have_owners(path: Path) -> None:
    for name in {name.split(".")[0] for name in imports(path)} & set(OWNERS):
        here = {part_of(path), path.relative_to(PACKAGE).as_posix()}
        assert here & OWNERS[name], f"{name} is not for {path.name}"


def test_only_the_command_line_prints_and_exits() -> None:
    for path in FILES:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        names = {ast.unparse(func) for func in calls} & {"print", "sys.exit", "exit", "quit", "os._exit"}
        assert not names or part_of(path) == "cli", f"{names} in {path.name}"


def test_the_reader_of_imports_sees_them(tmp_path: Path) -> None:
    """What the laws above stand on: every way to import counts, but for type checking only."""
    source = PACKAGE / "sinks" / "made_up.py"
    visitor = Imports(list(source.relative_to(PACKAGE.parent).parent.parts))
    program = """
import av.filter
from livematte import weights as supply
from ..frame import Frame
from .naming import Target
if TYPE_CHECKING:
    from livematte.sources import Source
else:
    import numpy
def later():
    if True:
        import torch
"""
    visitor.visit(ast.parse(program))
    assert visitor.names == ["av.filter", "livematte.weights", "livematte.frame.Frame", "livematte.sinks.naming.Target", "numpy", "torch"]
