"""Commands that take structs: typer sees their fields, the command gets them whole."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from msgspec import Struct
from typer.testing import CliRunner

from bridge.cli.unfolded import unfolded


class Filters(Struct, frozen=True, kw_only=True):
    names: Annotated[tuple[str, ...], typer.Option("--name", help="May be repeated.")] = ()
    most: Annotated[int, typer.Option("--most")] = 3


class Parcel(Struct, frozen=True, kw_only=True):
    to: Annotated[str, typer.Argument(metavar="TO")]
    filters: Annotated[tuple[int, ...], typer.Option("--weight")] = ()


def taken(*words: str) -> tuple[object, ...]:
    """Return what a command with two structs and an option of its own gets for these words."""
    app = typer.Typer()
    got: list[tuple[object, ...]] = []

    @app.command()
    @unfolded
    def pack(
        parcel: Parcel, wanted: Filters, ids: Annotated[tuple[str, ...], typer.Option("--id")] = ()
    ) -> None:
        """Pack it."""
        got.append((parcel, wanted, ids))

    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return got[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Ana"], (Parcel(to="Ana"), Filters(), ())),
        (["--name", "a", "Ana", "--name", "b"], (Parcel(to="Ana"), Filters(names=("a", "b")), ())),
        (["Ana", "--most", "7", "--id", "x"], (Parcel(to="Ana"), Filters(most=7), ("x",))),
        (["Ana", "--weight", "5"], (Parcel(to="Ana", filters=(5,)), Filters(), ())),
    ],
)
def test_a_command_gets_its_structs_filled(words: list[str], expected: tuple[object, ...]) -> None:
    assert taken(*words) == expected


def test_a_field_without_default_has_to_be_given() -> None:
    with pytest.raises(AssertionError, match="Missing argument"):
        taken("--most", "1")
