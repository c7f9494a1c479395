"""`python3 x.py bench`: what the bridge costs, as ratios to something measured in the same run.

Everything comes in pairs of slices, ours right after the other's, so that a machine that is slow today or
busy for a minute harms both. Ctrl-C ends it and shows what is there; `--resume` goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

from bench import disk, report
from bench.case import FULL, QUICK, Case, Effort, Missing, Pair
from bench.peers_found import look_in
from bench.results import Result, Run, load, result
from bench.servers import OURS, ROOT, pin
from bench.suite import CASES, chosen

FILE = ROOT / ".bench.json"


def main() -> None:
    given = _words()
    if given.list:
        print(report.listing(CASES), end="")
        return
    try:
        cases = chosen(given.case)
    except LookupError as error:
        sys.exit(f"bench: {error}")
    look_in(given.peers)
    if warning := disk.warning():
        print(f"bench: {warning}", file=sys.stderr)
    pin(OURS)
    run = load(given.file) if given.resume and given.file.exists() else Run(machine(), _effort(given)[0], {})
    try:
        asyncio.run(_measure([case for case in cases if case.name not in run.results], run, given))
    except KeyboardInterrupt:
        print("\nstopped; what is there:", file=sys.stderr)
    _show(cases, run, given)


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="x.py bench", description=__doc__)
    parser.add_argument("case", nargs="*", metavar="CASE", help="cases or subjects of --list; default: all")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, in two slices")
    parser.add_argument("--list", action="store_true", help="list the cases with their aims")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--resume", action="store_true", help="measure only what the results file lacks")
    parser.add_argument("--file", type=Path, default=FILE, help=f"results file (default {FILE.name})")
    parser.add_argument(
        "--docs", action="store_true", help="write the table and the plot in docs/ afterwards"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="DIR",
        action="append",
        default=[],
        help="where other programs are, more than once if need be: see docs",
    )
    return parser.parse_args()


def _effort(given: argparse.Namespace) -> tuple[str, Effort]:
    return ("quick", QUICK) if given.quick else ("full", FULL)


async def _measure(cases: Sequence[Case], run: Run, given: argparse.Namespace) -> None:
    began = time.monotonic()
    for number, case in enumerate(cases, 1):
        title = f"{number}/{len(cases)} {case.name}"
        found = await measured(case, _effort(given)[1], title)
        run.results[case.name] = found
        run.save(given.file)
        _say(f"{title}: {report.line(found, case)} ({time.monotonic() - began:.0f} s)", end="\n")


async def measured(case: Case, effort: Effort, title: str = "") -> Result:
    """Measure one case; a slice that went wrong ends it with a note and keeps the slices before."""
    pairs: list[Pair] = []
    try:
        async with aclosing(case.measure(effort)) as coming:
            async for pair in coming:
                pairs.append(pair)
                _say(f"{title}: slice {len(pairs)}, {pair.ours / pair.base:.2f}")
    except Missing as missing:
        return result(case, [], str(missing))
    except (OSError, RuntimeError, TimeoutError) as error:
        return result(case, pairs, f"stopped: {str(error)[-300:] or type(error).__name__}")
    return result(case, pairs)


def machine() -> dict[str, str]:
    """Return what the figures depend on, without naming the machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "disk": disk.file_system(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _show(cases: Sequence[Case], run: Run, given: argparse.Namespace) -> None:
    there = [run.results[case.name] for case in cases if case.name in run.results]
    if given.json:
        print(json.dumps({"machine": run.machine, "results": [asdict(each) for each in there]}, indent=1))
    else:
        print(report.text(cases, run), end="")
    if given.docs:
        for file in report.write_docs(run, ROOT / "docs"):
            print(file.relative_to(ROOT))


def _say(text: str, end: str = "") -> None:
    """Show progress on the terminal alone; a line that is not ended is written over by the next."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end=end, file=sys.stderr, flush=True)
    elif end:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
