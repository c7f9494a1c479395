"""`bridge test`: plays the stories beside the configuration, and says which ends otherwise than expected."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from pathlib import Path

import typer
from msgspec.structs import asdict

from bridge.cli.acting import confirm
from bridge.cli.asked import Testing
from bridge.cli.exits import ExitCode, Failure, not_found
from bridge.cli.opening import NOWHERE, need_config
from bridge.cli.program import say
from bridge.cli.stories.compare import Pair
from bridge.cli.stories.plot import Story
from bridge.cli.stories.read import Stories, read_stories
from bridge.cli.stories.run import Judged, judged
from bridge.cli.stories.show import pair_lines
from bridge.cli.stories.update import NotWritten, updated
from bridge.cli.tables import show, show_json
from bridge.cli.text import lasting, one_line, so_many
from bridge.clock import SystemClock
from bridge.config.load import Loaded

FOLDER = "tests"


def test(testing: Testing) -> None:
    """Play the stories; exits with 1 unless all of them end as expected."""
    loaded = need_config(testing.path, sandbox=NOWHERE)
    files = _read(_files(testing.path, testing.files), loaded)
    warnings = [each for file in files for each in file.warnings]
    stories = _chosen(files, testing.words)
    clock = SystemClock()
    began = clock.monotonic()
    done = asyncio.run(_play(stories, loaded, quiet=testing.json))
    took_s = clock.monotonic() - began
    failed = [each for each in done if not each.holds]
    if testing.json:
        plain = {"stories": [_plain(each) for each in done], "warnings": [str(each) for each in warnings]}
        show_json({"ok": not failed, "took_s": round(took_s, 3), **plain})
    else:
        for each in warnings:
            say(str(each))
        _summarise(done, failed, took_s, loaded.config.timezone, update=testing.update)
    if testing.update and failed:
        _update(failed, loaded.config.timezone, yes=testing.yes)
    elif failed:
        raise typer.Exit(ExitCode.PROBLEMS)


def _files(config: Path, named: Sequence[Path]) -> list[Path]:
    folders = named or (config.parent / FOLDER,)
    found = [file for each in folders for file in (sorted(each.glob("*.yaml")) if each.is_dir() else [each])]
    missing = [str(each) for each in named if not each.exists()]
    if missing:
        raise not_found(f"there is no file {', '.join(missing)}")
    if not found or not all(each.is_file() for each in found):
        hint = "`bridge init` writes one into a new folder, docs/how-to/test-your-rules.md says what is in it"
        raise not_found(f"there are no stories: no {FOLDER}/*.yaml beside {config}", hint)
    return found


def _read(files: Sequence[Path], loaded: Loaded) -> list[Stories]:
    """Return the stories of all files, or fail with every problem of every file."""
    found = [read_stories(file, loaded) for file in files]
    problems = [each for one in found if not isinstance(one, Stories) for each in one]
    if problems:
        wrong = sum(not each.warning for each in problems)
        raise Failure(f"the stories have {so_many(wrong, 'problem')}", *map(str, problems))
    return [each for each in found if isinstance(each, Stories)]


def _chosen(files: Sequence[Stories], words: str) -> list[Story]:
    stories = [story for each in files for story in each.stories if words.casefold() in story.name.casefold()]
    if not stories:
        names = [f"  {story.name}" for each in files for story in each.stories]
        raise not_found(f"no story's name holds '{words}'; there are", *names)
    return stories


async def _play(stories: Sequence[Story], loaded: Loaded, *, quiet: bool) -> list[Judged]:
    done: list[Judged] = []
    async for each in judged(stories, loaded):
        if not quiet:
            if not done or done[-1].story.file != each.story.file:
                show(str(each.story.file))
            show(_headline(each))
        done.append(each)
    return done


def _headline(each: Judged) -> str:
    count = sum(it.matters for it in each.happened)
    messages = so_many(count, "message") if count else "no messages"
    passed = f" in {lasting(each.passed)}" if each.passed else ""
    return f"{'✓' if each.holds else '✗'} {one_line(each.story.name)}  ({messages}{passed})"


def _summarise(
    done: Sequence[Judged], failed: Sequence[Judged], took_s: float, zone: tzinfo, *, update: bool
) -> None:
    for each in failed:
        show(
            "\n".join(
                ["", f"✗ {each.story.name}", f"  {each.story.file}:{each.story.line}", *_report(each, zone)]
            )
        )
    told = so_many(len(done), "story")
    verdict = f"{len(failed)} of {told} failed" if failed else f"{told} told as expected"
    show(f"\n{verdict}, in {took_s:.1f} s")
    if failed and not update:
        show("if they end as they should, --update writes that down")


def _report(each: Judged, zone: tzinfo) -> Iterator[str]:
    yield from (f"  ✗ {one_line(why)}" for why in each.refused)
    if each.story.expected is None:
        yield "  it has no `expect:` yet; --update writes one, `expect: []` says that nothing is sent"
    told: list[Sequence[str]] = []
    for place, pair in enumerate(each.pairs):
        yield from pair_lines(pair, zone)
        why = each.why.get(place, [])
        yield from (f"      {line}".rstrip() for line in (["why: as above"] if why and why in told else why))
        told.append(why)


def _update(failed: Sequence[Judged], zone: tzinfo, *, yes: bool) -> None:
    """Show what would be written and write it, if the person agrees."""
    before = {each.story.file: _text(each.story.file) for each in failed}
    after = {
        file: _updated(file, before[file], list(each), zone)
        for file, each in groupby(failed, lambda it: it.story.file)
    }
    for file, text in after.items():
        lines = (before[file].splitlines(), text.splitlines())
        show("\n".join(["", *difflib.unified_diff(*lines, str(file), f"{file}, updated", lineterm="")]))
    confirm("Write this?", len(after), yes=yes)
    for file, text in after.items():
        file.write_bytes(text.encode())
    say(f"{', '.join(map(str, after))} updated; read the difference before you keep it")


def _text(file: Path) -> str:
    return file.read_bytes().decode()  # line ends stay as they are


def _updated(file: Path, text: str, failed: Sequence[Judged], zone: tzinfo) -> str:
    made = updated(text, failed, zone)
    if isinstance(made, NotWritten):
        raise Failure(f"{file} was not updated: {made.why}")
    return made


def _plain(each: Judged) -> dict[str, object]:
    return {
        "file": str(each.story.file),
        "line": each.story.line,
        "name": each.story.name,
        "ok": each.holds,
        "passed_s": each.passed.total_seconds(),
        "refused": each.refused,
        "messages": [_plain_pair(pair, each.why.get(place)) for place, pair in enumerate(each.pairs)],
    }


def _plain_pair(pair: Pair, why: Sequence[str] | None) -> Mapping[str, object]:
    return {
        "ok": pair.agrees,
        "expected": pair.expected and dict(pair.expected.typed),
        "happened": pair.happened and asdict(pair.happened),
        "differences": [asdict(each) for each in pair.differences],
        "why": why,
    }
