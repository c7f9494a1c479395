"""The plot of the documentation: each ratio with its quartiles and its aim, on a logarithmic scale.

A few shapes and words of SVG are written here; a plotting library would be the largest dependency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from bench.case import Case
from bench.results import Result

WIDTH, LABELS, ROW, TOP = 1160, 670, 24, 56
LONGEST = 96
"""Characters of a label; the whole words are shown where the pointer rests."""
RIGHT = 70
"""Room for the figure behind the last dot."""
GOOD, BAD, PLAIN, AIM = "#1a7f37", "#c93c37", "#57606a", "#8250df"
_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 font-family="system-ui, sans-serif" font-size="13">
<title>Ratios of the benchmark</title>
<rect width="{width}" height="{height}" fill="#ffffff"/>
<text x="16" y="24" font-size="16" fill="#1f2328">Ratios: the bridge over what it is held against</text>
<g stroke="{aim}" stroke-width="2"><line x1="850" y1="14" x2="850" y2="26"/></g>
<text x="858" y="24" fill="{plain}">aim</text>
<circle cx="906" cy="20" r="4" fill="{good}"/><text x="916" y="24" fill="{plain}">met</text>
<circle cx="962" cy="20" r="4" fill="{bad}"/><text x="972" y="24" fill="{plain}">missed</text>
<circle cx="1036" cy="20" r="4" fill="{plain}"/><text x="1046" y="24" fill="{plain}">no aim</text>
{body}
</svg>
"""


def plot(found: Sequence[tuple[Case, Result]]) -> str:
    """Return the SVG; every result must have a ratio."""
    scale = _Scale([value for case, result in found for value in _values(case, result)])
    height = TOP + ROW * len(found) + 30
    rows = (
        _row(case, result, TOP + ROW * index + ROW / 2, scale) for index, (case, result) in enumerate(found)
    )
    body = "\n".join([*_grid(scale, height), *rows])
    colours = {"good": GOOD, "bad": BAD, "plain": PLAIN, "aim": AIM}
    return _PAGE.format(width=WIDTH, height=height, body=body, **colours)


class _Scale:
    """Where a ratio stands from left to right."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low = math.floor(math.log10(min(values, default=0.1)) * 2) / 2
        self.high = math.ceil(math.log10(max(values, default=10)) * 2) / 2

    def x(self, ratio: float) -> float:
        """Return pixels from the left."""
        share = (math.log10(ratio) - self.low) / ((self.high - self.low) or 1)
        return LABELS + share * (WIDTH - LABELS - RIGHT)

    def marks(self) -> Iterator[float]:
        """Yield 0.1, 0.2, 0.5, 1, 2, 5 and so on, as far as they are shown."""
        for power in range(math.floor(self.low), math.ceil(self.high) + 1):
            for digit in (1, 2, 5):
                if self.low <= math.log10(digit) + power <= self.high:
                    yield digit * 10.0**power


def _values(case: Case, result: Result) -> list[float]:
    aim = [case.aim.limit] if case.aim else []
    return [value for value in (result.low, result.ratio, result.high, *aim) if value]


def _grid(scale: _Scale, height: int) -> Iterator[str]:
    for mark in scale.marks():
        x = scale.x(mark)
        colour = "#8c959f" if mark == 1 else "#e4e7eb"
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 26}" stroke="{colour}"/>'
        yield f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="{PLAIN}">{mark:g}</text>'


def _row(case: Case, result: Result, y: float, scale: _Scale) -> str:
    low, ratio, high = result.low or 1, result.ratio or 1, result.high or 1
    colour = {True: GOOD, False: BAD, None: PLAIN}[result.meets(case.aim)]
    aim = ""
    if case.aim:
        x = scale.x(case.aim.limit)
        aim = f'<line x1="{x:.1f}" y1="{y - 8}" x2="{x:.1f}" y2="{y + 8}" stroke="{AIM}" stroke-width="2"/>'
    behind = max(scale.x(high), scale.x(case.aim.limit) if case.aim else 0) + 9
    return (
        f"<g><title>{escape(case.title)}, over {escape(case.base)}</title>"
        f'<text x="{LABELS - 14}" y="{y + 4}" text-anchor="end" fill="#1f2328">{escape(_label(case))}</text>'
        f'<line x1="{scale.x(low):.1f}" y1="{y}" x2="{scale.x(high):.1f}" y2="{y}" stroke="{colour}"'
        f' stroke-width="3" stroke-opacity="0.4"/>{aim}'
        f'<circle cx="{scale.x(ratio):.1f}" cy="{y}" r="4" fill="{colour}"/>'
        f'<text x="{behind:.1f}" y="{y + 4}" fill="{colour}">{ratio:.2f}</text></g>'
    )


def _label(case: Case) -> str:
    text = f"{case.title}, over {case.base}".replace("`", "")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
