"""Results for people: the table on the terminal, and the table and the plot of the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.case import Case
from bench.plot import plot
from bench.results import Result, Run
from bench.suite import CASES

PAGE = Path("reference", "performance.md")
PLOT = Path("reference", "performance.svg")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_SIGNS = {True: "✓", False: "✗", None: ""}


def listing(cases: Iterable[Case]) -> str:
    """Return a line for each case: name, aim, what is measured against what."""
    return "".join(
        f"{case.name:<22} {case.aim or ''!s:<7} {case.title}, over {case.base}\n" for case in cases
    )


def line(result: Result, case: Case) -> str:
    """Return what came out, in one line."""
    if result.ratio is None:
        return f"not measured: {result.note}"
    aim = f", aim {case.aim} {_SIGNS[result.meets(case.aim)]}" if case.aim else ""
    said = f"{result.ratio:.2f} ({result.low:.2f} to {result.high:.2f}){aim}"
    return f"{said}; {result.note}" if result.note else said


def text(cases: Sequence[Case], run: Run) -> str:
    """Return the table for a terminal."""
    head = f"{'case':<22} {'base':>10} {'bridge':>10} {'unit':<12} {'ratio':>6}  {'quartiles':<14} aim\n"
    return head + "".join(_row(case, run.results[case.name]) for case in cases if case.name in run.results)


def _row(case: Case, result: Result) -> str:
    if result.base is None or result.ours is None or result.ratio is None:
        return f"{case.name:<22} not measured: {result.note}\n"
    figures = f"{_number(result.base):>10} {_number(result.ours):>10} {case.unit:<12} {result.ratio:>6.2f}"
    quartiles = f"{result.low:.2f} to {result.high:.2f}"
    aim = f"{case.aim} {_SIGNS[result.meets(case.aim)]}" if case.aim else ""
    return f"{case.name:<22} {figures}  {quartiles:<14} {aim} {result.note}".rstrip() + "\n"


def write_docs(run: Run, docs: Path) -> list[Path]:
    """Put the table into its page, between two marks, and draw the plot beside it; return both files."""
    page = docs / PAGE
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{markdown(run)}\n{END}{after}", "utf-8")
    drawing = docs / PLOT
    measured = [(case, run.results[case.name]) for case in CASES if case.name in run.results]
    drawing.write_text(plot([(case, result) for case, result in measured if result.ratio]), "utf-8")
    return [page, drawing]


def markdown(run: Run) -> str:
    """Return the table for the documentation, and what it was measured on."""
    where = run.machine
    disk = f", stores on {where['disk']}" if where.get("disk") else ""
    said = (
        f"Measured on {where['date']} with Python {where['python']} on {where['system']}, "
        f"{where['cores']} cores{disk} ({run.effort} run).\n"
    )
    head = (
        "| what | held against | unit | that | bridge | ratio | quartiles | aim |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    rows = (_markdown_row(case, run.results[case.name]) for case in CASES if case.name in run.results)
    return f"{said}\n{head}{''.join(rows)}"


def _markdown_row(case: Case, result: Result) -> str:
    title = f"{case.title} ({case.note})" if case.note else case.title
    aim = f"{case.aim} {_SIGNS[result.meets(case.aim)]}".strip() if case.aim else ""
    if result.base is None or result.ours is None or result.ratio is None:
        return f"| {title} | {case.base} | {case.unit} | | | not measured: {result.note} | | {aim} |\n"
    figures = f"{_number(result.base)} | {_number(result.ours)} | **{result.ratio:.2f}**"
    note = f" ({result.note})" if result.note else ""
    quartiles = f"{result.low:.2f} to {result.high:.2f}{note}"
    return f"| {title} | {case.base} | {case.unit} | {figures} | {quartiles} | {aim} |\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
