"""Commands that take structs: each field of one is an option or argument, said where the struct is.

Typer knows a command by the parameters of its function. Several commands share theirs, and the work behind a
command wants them together, so a parameter may be a struct: typer sees its fields, the command gets it whole.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields


class unfolded:  # noqa: N801 - a decorator
    """The command as typer takes it: in the place of each struct its fields, by their names."""

    def __init__(self, command: Callable[..., None]) -> None:
        functools.update_wrapper(self, command)
        self._command = command

    def __call__(self, **values: Any) -> None:  # noqa: ANN401 - whatever the options are
        """Run the command with what was typed."""
        self._command(**{each.name: _folded(each, values) for each in self._taken})

    @functools.cached_property
    def __signature__(self) -> Signature:
        """What `inspect`, and so typer, sees; worked out for the one command that is called."""
        return Signature([option for each in self._taken for option in _options(each)])

    @functools.cached_property
    def _taken(self) -> tuple[Parameter, ...]:
        return tuple(inspect.signature(self._command, eval_str=True).parameters.values())


def _options(taken: Parameter) -> Iterator[Parameter]:
    """Yield what typer sees of a parameter of the command."""
    if not _is_struct(taken):
        yield taken.replace(kind=Parameter.KEYWORD_ONLY, annotation=_as_list(taken.annotation))
        return
    hints = get_type_hints(taken.annotation, include_extras=True)
    for field in fields(taken.annotation):
        default = Parameter.empty if field.default is NODEFAULT else field.default
        hint = _as_list(hints[field.name])
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _folded(taken: Parameter, values: dict[str, Any]) -> object:
    """Return what the command gets for one of its parameters."""
    if not _is_struct(taken):
        return _as_tuple(values[taken.name])
    return taken.annotation(
        **{field.name: _as_tuple(values[field.name]) for field in fields(taken.annotation)}
    )


def _is_struct(taken: Parameter) -> bool:
    return isinstance(taken.annotation, type) and issubclass(taken.annotation, Struct)


def _as_list(hint: Any) -> Any:  # noqa: ANN401 - an annotation
    """Return an annotation with a list for a tuple of any length: typer knows several values as a list."""
    kind, *about = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if get_origin(kind) is not tuple:
        return hint
    return Annotated[(list[get_args(kind)[0]], *about)]  # type: ignore[misc]  # made when the program runs


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
