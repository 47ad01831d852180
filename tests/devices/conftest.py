"""These tests run inside the machine of scripts/test-devices, which names in LIVEMATTE_DEVICES the folder for what they leave behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_FIGURES: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "LIVEMATTE_DEVICES" in os.environ:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="runs inside scripts/test-devices"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FIGURES:
        terminalreporter.section("figures, under emulation")
        terminalreporter.write_line("\n".join(_FIGURES))


@pytest.fixture(scope="session")
def kept() -> Path:
    """The folder that is still there when the machine has gone."""
    return Path(os.environ["LIVEMATTE_DEVICES"])


@pytest.fixture(scope="session")
def tell() -> Callable[[str], None]:
    """Takes a figure for the end of the log."""
    return _FIGURES.append
