"""Which values of an event a template asks for, found without an event: paths with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.events import VOCABULARY


class Mention(Struct, frozen=True):
    """One path, such as `data.items[0].name`, on a line (from 1).

    `guarded` means that the template provides for its absence, or may not get there at all.
    """

    path: str
    line: int
    guarded: bool


@lru_cache(maxsize=1000)
def mentions(source: str) -> tuple[Mention, ...]:
    """Return every path a template text mentions, by line; none when it is no template."""
    try:
        tree = _environment().parse(source)
    except (TemplateSyntaxError, RecursionError):
        return ()
    own = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    found = [each for each in _within(tree, guarded=False) if _root(each.path) not in own]
    asked = [each.path for each in found if each.guarded]
    return tuple(replace(each, guarded=each.guarded or _is_asked(each.path, asked)) for each in found)


@lru_cache(maxsize=1000)
def names(source: str) -> frozenset[str]:
    """Return every name that a template text has, its own among them; none when it is no template."""
    try:
        tree = _environment().parse(source)
    except (TemplateSyntaxError, RecursionError):
        return frozenset()
    return frozenset(node.name for node in tree.find_all(nodes.Name))


@cache
def _environment() -> Environment:
    return Environment(autoescape=True)


def _within(node: nodes.Node, *, guarded: bool) -> Iterator[Mention]:
    """Yield the mentions in a node; `guarded` is about all of them."""
    match node:
        case nodes.Filter(name="default" | "d", node=nodes.Node() as value):
            yield from _within(value, guarded=True)
            for argument in node.args:
                yield from _within(argument, guarded=guarded)
        case nodes.Test(name="defined" | "undefined"):
            yield from _within(node.node, guarded=True)
        case nodes.Call(node=nodes.Getattr(node=owner)):
            for part in (owner, *node.args, *node.kwargs):
                yield from _within(part, guarded=guarded)
        case nodes.If() | nodes.CondExpr():
            for part in node.iter_child_nodes():
                yield from _within(part, guarded=guarded or part is not node.test)
        case _:
            path = _path(node)
            if path is not None and _root(path) in VOCABULARY:
                yield Mention(path, node.lineno, guarded)
                return
            for part in node.iter_child_nodes():
                yield from _within(part, guarded=guarded)


def _path(node: nodes.Node) -> str | None:
    """Return a chain of names and positions as one path; None for anything else."""
    match node:
        case nodes.Name(name=str(name), ctx="load"):
            return name
        case (
            nodes.Getattr(node=owner, attr=str(name))
            | nodes.Getitem(node=owner, arg=nodes.Const(value=str(name)))
        ):
            above = _path(owner)
            return above and f"{above}.{name}"
        case nodes.Getitem(node=owner, arg=nodes.Const(value=int(place))):
            above = _path(owner)
            return above and f"{above}[{place}]"
        case _:
            return None


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _is_asked(path: str, asked: list[str]) -> bool:
    """Return whether a test or a default elsewhere is about this path, or about one above or below it."""
    return any(path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.") for each in asked)
