"""What README promises in code runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import person_clip
from written import read, times

README = Path(__file__).parents[1] / "README.md"


def first_program() -> str:
    match = re.search(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert match, "README has no program in Python"
    return match[1]


@pytest.mark.usefixtures("rvm_path")
def test_the_first_program_runs(tmp_path: Path) -> None:
    clip = person_clip(tmp_path / "clip.mp4", frames=5)
    result = subprocess.run([sys.executable, "-c", first_program()], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    written = sorted(path for path in tmp_path.iterdir() if path != clip)
    assert written, "the program writes nothing"
    for path in written:
        assert times(read(path)) == times(read(clip))


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
