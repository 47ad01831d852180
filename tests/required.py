"""What must not be skipped: LIVEMATTE_REQUIRE=weights,cuda,… names what is there for sure."""

import os


def required(mark: str) -> bool:
    return mark in os.environ.get("LIVEMATTE_REQUIRE", "").split(",")
