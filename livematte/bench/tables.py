"""Results as text that reads well both on a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table in even columns: the first to the left, the others to the right."""
    widths = [max(3, *(len(row[i]) for row in (head, *rows))) for i in range(len(head))]  # a rule of less is no Markdown
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    return "\n".join(line(row) for row in (head, rule, *rows))


def verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def goal(sign: str, value: float, limit: float | None, *, form: str = "g") -> list[str]:
    """Two cells, the goal and whether it is reached: goal("<", 0.2, 0.3) is ["< 0.3", "reached"]; empty where there is no goal."""
    if limit is None:
        return ["", ""]
    reached = {"<": value < limit, "≤": value <= limit, "≥": value >= limit}[sign]
    return [f"{sign} {limit:{form}}", verdict(reached)]
