"""Draws horizontal bars as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_ROW, _BAR, _LABELS, _BARS, _NUMBERS = 26, 16, 190, 420, 120
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'


def bars(title: str, values: Sequence[tuple[str, float]], unit: str, *, shares: bool = False) -> str:
    """Bars from top to bottom, each with its label and its number. ``shares``: they are parts of a whole, and
    each tells how much of it."""
    width, height = _LABELS + _BARS + _NUMBERS, 44 + _ROW * len(values)
    longest = max((value for _, value in values), default=1.0) or 1.0
    whole = sum(value for _, value in values) or 1.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f"{_FONT}>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<text x="12" y="24" fill="#24292f" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (label, value) in enumerate(values):
        top = 38 + number * _ROW
        long = max(value / longest * _BARS, 1.0)
        text = top + _BAR - 3
        share = f", {value / whole:.0%}" if shares else ""
        lines += [
            f'<text x="{_LABELS - 8}" y="{text}" fill="#24292f" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{_LABELS}" y="{top}" width="{long:.1f}" height="{_BAR}" fill="#0969da"/>',
            f'<text x="{_LABELS + long + 6:.1f}" y="{text}" fill="#57606a">{value:,.0f} {escape(unit)}{share}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
