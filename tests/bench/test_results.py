"""Figures, aims, the results file, the table and the plot."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import disk, report
from bench.__main__ import measured
from bench.case import Aim, Case, Effort, Missing, Pair, at_least, at_most
from bench.plot import plot
from bench.results import Result, Run, load, result
from bench.suite import CASES, SUBJECTS, chosen

MACHINE = {"python": "3.11.7", "system": "Linux x86_64", "cores": "2", "date": "2026-11-23"}


def _case(*pairs: Pair, fails: Exception | None = None, aim: Aim | None = None) -> Case:
    async def measure(_: Effort) -> AsyncGenerator[Pair, None]:
        for pair in pairs:
            yield pair
        if fails:
            raise fails

    return Case("accept", "durable accept", "bare aiohttp handler", "events/s", measure, aim)


def _full(ratio: float = 0.5) -> Run:
    results = {
        case.name: Result(case.name, 1000, 1000 * ratio, ratio, ratio / 2, ratio * 2, 7) for case in CASES
    }
    return Run(MACHINE, "full", results)


def test_the_ratio_is_the_median_of_the_ratios_of_pairs() -> None:
    """Not the ratio of the medians: a minute in which everything is slow harms both sides of a pair."""
    found = result(_case(), [Pair(100, 50), Pair(10, 6), Pair(1000, 400)])
    assert (found.base, found.ours, found.ratio, found.slices) == (100, 50, 0.5, 3)


def test_of_two_pairs_the_quartiles_are_their_ratios() -> None:
    """A quick run has two; a quartile guessed beyond them may even be negative, which no ratio is."""
    found = result(_case(), [Pair(10, 12), Pair(10, 140)])
    assert (found.low, found.high) == (1.2, 14)


def test_a_run_says_what_its_stores_lie_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nested mounts the innermost counts, and of two in one place the later, which hides the other."""
    mounts = tmp_path / "mounts"
    inner = tmp_path / "inner"
    lines = ["/dev/sda1 / ext4 rw 0 0", f"a {inner} xfs rw 0 0", f"b {inner} tmpfs rw 0 0"]
    mounts.write_text("\n".join(lines), "utf-8")
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    assert disk.file_system(tmp_path) == "ext4"
    assert disk.file_system(inner / "store") == "tmpfs"
    monkeypatch.setattr(tempfile, "tempdir", str(inner))
    assert "TMPDIR" in (disk.warning() or "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert disk.warning() is None
    assert "cores, stores on ext4 (full run)" in report.markdown(Run({**MACHINE, "disk": "ext4"}, "full", {}))


@pytest.mark.parametrize(
    ("aim", "ratio", "met"),
    [
        (at_least(0.45), 0.45, True),
        (at_least(0.45), 0.446, True),
        (at_least(0.45), 0.44, False),
        (at_most(2), 2.0, True),
        (at_most(2), 2.01, False),
    ],
)
def test_an_aim_judges_the_ratio_as_it_is_shown(aim: Aim, ratio: float, met: bool) -> None:
    """Two decimals are shown, so a reader of the table comes to the same verdict."""
    assert aim.met_by(ratio) is met


async def test_what_was_measured_before_a_failure_is_kept() -> None:
    """A program that dies in the third slice leaves two, and a note."""
    found = await measured(_case(Pair(2, 1), Pair(4, 2), fails=RuntimeError("it died")), Effort(3))
    assert (found.ratio, found.slices, found.note) == (0.5, 2, "stopped: it died")


async def test_what_is_missing_is_said() -> None:
    """A case without its program has no figures, and says why."""
    found = await measured(_case(fails=Missing("node-red is not installed")), Effort(3))
    assert (found.ratio, found.note) == (None, "node-red is not installed")


def test_results_survive_their_file(tmp_path: Path) -> None:
    """What `--resume` reads is what was written."""
    run = _full()
    run.save(tmp_path / "results.json")
    assert load(tmp_path / "results.json") == run


def test_cases_are_chosen_by_name_and_by_subject() -> None:
    """`bench accept` is the case of that name, `bench growth` all cases of that file, nothing is all."""
    assert [case.name for case in chosen(["accept"])] == ["accept"]
    assert "backlog" in {case.name for case in chosen(["growth"])}
    assert chosen([]) == list(CASES)
    with pytest.raises(LookupError, match="no case is called 'speed'"):
        chosen(["speed"])


def test_every_case_has_a_name_of_its_own() -> None:
    """Two of the same name would overwrite each other's results."""
    assert len({case.name for case in CASES}) == len(CASES) == sum(len(subject.CASES) for subject in SUBJECTS)


def test_the_table_has_a_line_for_every_case() -> None:
    """On the terminal and in the documentation."""
    run = _full()
    assert len(report.text(CASES, run).splitlines()) == 1 + len(CASES)
    assert report.markdown(run).count("**0.50**") == len(CASES)


def test_the_documentation_is_written_between_its_marks(tmp_path: Path) -> None:
    """What people wrote around the figures stays."""
    page = tmp_path / report.PAGE
    page.parent.mkdir()
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", "utf-8")
    report.write_docs(_full(), tmp_path)
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "durable accept" in text


@pytest.mark.parametrize("ratio", [0.004, 0.5, 1.0, 350.0])
def test_the_plot_is_a_picture_with_a_dot_for_every_case(ratio: float) -> None:
    """Well-formed SVG, whatever the ratios; three dots belong to the legend."""
    run = _full(ratio)
    tree = ET.fromstring(plot([(case, run.results[case.name]) for case in CASES]))
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}circle")) == len(CASES) + 3
