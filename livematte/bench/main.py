"""The bench from its command line to its text."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any

from livematte.bench.options import kept, parse

Tell = Callable[[str], None]


def bench(arguments: list[str], *, tell: Tell) -> tuple[str, list[str]]:
    """What was measured, as text, and the rows of the quality gate that failed. tell: hears what is being done.

    SettingsError for wrong usage, before anything is measured; other LivematteErrors where something cannot be measured."""
    options = parse(arguments)
    measure, base = _prepared(options)
    from livematte.bench import compare, machine, results

    where = machine.facts()
    result = measure(options, tell)
    text = f"{machine.line(where)}\n\n{result.text}"
    if options.json:
        results.save(options.json, options.what, result, machine=where, options=kept(options))
    if options.write:
        results.put_on_page(options.what, text)
    if base is not None:
        text += f"\n\n{compare.told(base, result, machine=where, options=options)}"
    return text, list(result.failed)


def _prepared(options: argparse.Namespace) -> tuple[Callable[[argparse.Namespace, Tell], Any], Any]:
    """(what measures, the figures to compare with), with all found wrong that can be before the long work."""
    from livematte.bench import compare, places

    base = None
    if options.compare:
        base = compare.read_base(options.compare)
        compare.fit(base, options)
    if options.write:
        places.docs()
    if options.clip is not None:
        from livematte.sources import open_source

        with open_source(options.clip):
            pass
    # Imported only now: what one measurement loads should not slow, or swell, another.
    return import_module(f"livematte.bench.{options.what}").measure, base
