"""The parts of `docs/reference/cli.md` that are made from the commands themselves.

A page holds `<!-- NAME -->` and `<!-- end -->` around each part; `refresh` writes what stands between.
"""

# ruff: noqa: ANN401 - the classes of commands are private to typer
from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from bridge.cli.app import app
from bridge.cli.exits import MEANINGS

_SHARED = ("--config", "--sandbox", "--json")
"""Options that mean the same everywhere; the page explains them once."""
_TYPE = re.compile(r" <[^<>]*>$")
"""What typer puts behind an argument: its type in Python."""
_BLOCK = re.compile(r"(<!-- (?P<name>commands|exit codes) -->\n).*?(<!-- end -->)", re.DOTALL)


def refresh(page: str) -> str:
    """Return the page with every part as the program has it today."""
    parts = {"commands": _commands(), "exit codes": _exit_codes()}
    return _BLOCK.sub(lambda found: f"{found[1]}\n{parts[found['name']]}\n{found[3]}", page)


def _exit_codes() -> str:
    rows = [f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items()]
    return "| code | meaning |\n| --- | --- |\n" + "".join(rows)


def _commands() -> str:
    group = typer.main.get_command(app)
    return "\n".join(["### bridge\n", _options("bridge", group), *_below("bridge", group)])


def _below(path: str, group: Any) -> Iterator[str]:
    """Yield every command below a group; a group of commands has no work of its own."""
    for name, command in group.commands.items():
        inner = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _below(inner, command)
            continue
        pieces = command.collect_usage_pieces(command.make_context(inner, [], resilient_parsing=True))
        usage = " ".join([inner, *pieces]).replace("{", "").replace("}", "")
        yield f"### {inner}\n\n```text\n{usage}\n```\n\n{_text(command.help)}\n"
        if table := _options(inner, command, _SHARED):
            yield table
        shared = [f"`{name}`" for name in _SHARED if any(name in param.opts for param in command.params)]
        if shared:
            yield f"Also {', '.join(shared)}.\n"


def _options(path: str, command: Any, without: Sequence[str] = ()) -> str:
    context = command.make_context(path, [], resilient_parsing=True)
    told = [param for param in command.params if not any(name in param.opts for name in without)]
    records = [param.get_help_record(context) for param in told]
    rows = [f"| `{_cell(_TYPE.sub('', name))}` | {_cell(said)} |\n" for name, said in filter(None, records)]
    return "| | |\n| --- | --- |\n" + "".join(rows) if rows else ""


def _text(help_: str) -> str:
    """Return a docstring's paragraphs, a sentence per line."""
    paragraphs = [" ".join(part.split()) for part in help_.split("\n\n")]
    return "\n".join(re.sub(r"(?<=[.;]) (?=[A-Z`])", "\n", paragraph) for paragraph in paragraphs)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def main() -> None:
    """Write the page again: `python -m bridge.cli.reference docs/reference/cli.md`."""
    page = Path(sys.argv[1])
    page.write_text(refresh(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
