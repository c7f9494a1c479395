"""Commands that are made when they are asked for: to make all of them takes longer than most of them run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

import typer
from typer.models import CommandInfo

Make = Callable[[], Any]
"""Returns a command, or a group of commands; their types are private to typer."""


class Later(MutableMapping[str, Any]):
    """Commands by name, as a group has them."""

    def __init__(self, makers: Mapping[str, Make]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - see `Make`
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401 - see `Make`
        self._makers[name] = lambda: command
        self._made.pop(name, None)

    def __delitem__(self, name: str) -> None:
        del self._makers[name]
        self._made.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def named_in(commands: typer.Typer) -> dict[str, Make]:
    """Return the commands that were registered here, by name."""
    return {_name(info): partial(_command, info) for info in commands.registered_commands}


def group_in(module: str, name: str) -> Make:
    """Return the group that is `app` in a module, which is not imported before."""

    def make() -> Any:  # noqa: ANN401 - see `Make`
        whole = _whole()
        whole.add_typer(importlib.import_module(module).app, name=name)
        return typer.main.get_command(whole).commands[name]  # type: ignore[attr-defined]

    return make


def _command(info: CommandInfo) -> Any:  # noqa: ANN401 - see `Make`
    whole = _whole()
    whole.registered_commands.append(info)
    return typer.main.get_command(whole)


def _whole() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def _name(info: CommandInfo) -> str:
    return info.name or str(getattr(info.callback, "__name__", ""))
