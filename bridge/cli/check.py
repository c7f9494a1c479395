"""`bridge check`: every problem of the configuration, or what it amounts to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import typer
from pydantic import BaseModel

from bridge.cli.exits import ExitCode
from bridge.cli.left_claims import left_claims
from bridge.cli.opening import NOWHERE, read_config
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import aligned, show, show_json, wrapped
from bridge.cli.text import printable, so_many
from bridge.cli.words import rule_lines
from bridge.config.load import Broken, Loaded
from bridge.config.located import Located
from bridge.config.rule_sentences import RuleSentences
from bridge.core.catalogue import Course
from bridge.core.problems import dotted
from bridge.core.rules import Rule
from bridge.pipeline.strays import Found
from bridge.sources.registry import known_events

NAMES_SHOWN = 6
EVENTS_SHOWN = 3


def check(setup: Setup, *, json: bool, verbose: bool) -> None:
    """Print every problem and exit with 1, or print a summary."""
    found = read_config(setup.path, sandbox=NOWHERE if setup.sandbox else None)
    problems = found.problems if isinstance(found, Broken) else found.warnings
    strays = left_claims(found) if isinstance(found, Loaded) else []
    if json:
        claims = {"claims": [_stray_plain(each) for each in strays]} if isinstance(found, Loaded) else {}
        show_json({**_all_plain(found, problems), **claims})
    else:
        for problem in problems:
            print(printable(str(problem)), file=sys.stderr)
    if isinstance(found, Broken):
        raise typer.Exit(ExitCode.PROBLEMS)
    if not json:
        _summarise(setup.path, found, verbose=verbose)
        for each in strays:
            say(f"{each.sentence}: {each.advice}")


def _summarise(path: Path, loaded: Loaded, *, verbose: bool) -> None:
    config = loaded.config
    reached = [name for name, kind in known_events().items() if _reached(name, kind, loaded.rules)]
    rows = [
        ("sources", str(len(config.sources)), _typed(config.sources)),
        ("channels", str(len(config.channels)), _typed(config.channels)),
        ("rules", str(len(loaded.rules)), _shown([rule.name for rule in loaded.rules])),
        *([("courses", str(len(config.courses)), _shown(list(config.courses)))] if config.courses else []),
        (
            "events",
            str(len(reached)),
            f"of {len(known_events())} known lead to a rule: {_shown(reached, EVENTS_SHOWN)}",
        ),
    ]
    warnings = f", with {so_many(len(loaded.warnings), 'warning')}" if loaded.warnings else ""
    show(f"{path} is good{warnings}")
    show(aligned(rows, "  "))
    if verbose:
        for course in loaded.catalogue.courses.values():
            show()
            show(_course(course))
        sentences = RuleSentences(loaded)
        for rule in loaded.rules:
            show()
            show(describe(rule, sentences.one(rule.name), loaded.redact))


def _course(course: Course) -> str:
    """Return a course of the catalogue by its name, with its modules in order."""
    rows = [("id", course.id), ("title", course.title or "none"), ("modules", ", ".join(course.modules))]
    return f"{course.name}\n{aligned(rows, '  ')}"


def describe(rule: Rule, sentence: str, hide: Callable[[str], str]) -> str:
    """Return a rule by its name: as a sentence, then line by line, without what `hide` hides."""
    lines = [(label, hide(text)) for label, text in rule_lines(rule)]
    return f"{rule.name}\n{wrapped(sentence, '  ')}\n{aligned(lines, '  ')}"


def _all_plain(found: Loaded | Broken, problems: Sequence[Located]) -> dict[str, object]:
    plain: dict[str, object] = {
        "ok": isinstance(found, Loaded),
        "problems": [_plain(problem) for problem in problems],
    }
    if isinstance(found, Broken):
        return plain
    rules = [{"name": name, "sentence": sentences} for name, sentences in RuleSentences(found).items()]
    return {**plain, "rules": rules}


def _plain(problem: Located) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line or None,
        "column": problem.column or None,
        "path": dotted(problem.path),
        "sentence": problem.sentence,
        "warning": problem.warning,
    }


def _stray_plain(found: Found) -> dict[str, object]:
    stray = found.stray
    return {
        "rule": stray.rule,
        "action": stray.action,
        "claims": found.claims,
        "probably": stray.probably,
        "sentence": f"{found.sentence}: {found.advice}",
    }


def _typed(configured: Mapping[str, BaseModel]) -> str:
    """Return names with their types: `learners (email), wins (slack)`."""
    return _shown([f"{name} ({getattr(options, 'type', '?')})" for name, options in configured.items()])


def _shown(names: Sequence[str], limit: int = NAMES_SHOWN) -> str:
    more = len(names) - limit
    return (", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")) or "none"


def _reached(name: str, kind: str, rules: tuple[Rule, ...]) -> bool:
    return any(fnmatchcase(name, on) or fnmatchcase(kind, on) for rule in rules for on in rule.on)
