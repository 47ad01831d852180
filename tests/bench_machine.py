"""A machine on which figures are said to have been measured."""

MACHINE = {
    "processor": "Abacus",
    "gpu": None,
    "cores": 2,
    "load": 0.5,
    "python": "3.11.7",
    "versions": {"av": "18.1"},
    "day": "2026-01-31",
}
