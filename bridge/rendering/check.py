"""What can be known to be wrong with a template before any event: names, members, filters, statements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from jinja2 import nodes
from msgspec import Struct

from bridge.core.events import VOCABULARY
from bridge.core.problems import did_you_mean
from bridge.rendering.environment import TEXT_METHODS, TIME_MEMBERS, MessageEnvironment
from bridge.rendering.filters import REFUSED
from bridge.rendering.syntax import PAGE

Vocabulary = Mapping[str, Collection[str] | None]
"""Names a template may use: their members, `()` for a plain value, None where any member is possible."""

_PLAIN_MEMBERS = TEXT_METHODS | TIME_MEMBERS
ITEMS = "items"
"""The events that a message is about; a loop over them gives each a name."""
LISTED = f"; {PAGE} lists them"
_NOT_HERE: Mapping[type[nodes.Node], str] = {
    nodes.Include: "'include' is not for messages; what several share belongs in their layout",
    nodes.Import: "'import' is not for messages; write the macro in the template that uses it",
    nodes.FromImport: "'import' is not for messages; write the macro in the template that uses it",
    nodes.Extends: "'extends' is not for messages; name a `layout:` in the front matter",
    nodes.Block: "'block' is not for messages; name a `layout:` in the front matter",
    nodes.ScopedEvalContextModifier: "'autoescape' is not for messages; values are always escaped",
}


class Flaw(Struct, frozen=True):
    """One thing that is wrong in a template, on a line of its file or text (1-based)."""

    line: int
    sentence: str


def flaws(
    tree: nodes.Template, environment: MessageEnvironment, vocabulary: Vocabulary, *, structure: bool
) -> list[Flaw]:
    """Return everything that is wrong with a parsed template, by line.

    `structure` allows a single expression to be a whole group, as in a leaf of JSON.
    """
    own = _own_names(tree) | set(environment.globals)
    found = {
        *_statements(tree, own),
        *_filters_and_tests(tree, environment),
        *_names(tree, own, vocabulary),
        *_members(tree, own, vocabulary),
        *_of_items(tree, own, vocabulary),
        *(() if structure and lone_expression(tree) else _groups(tree, own, vocabulary)),
    }
    return sorted(found, key=lambda flaw: (flaw.line, flaw.sentence))


def lone_expression(tree: nodes.Template) -> bool:
    """Tell whether a text is exactly one `{{ }}`."""
    match tree.body:
        case [nodes.Output(nodes=[only])]:
            return not isinstance(only, nodes.TemplateData)
    return False


def _own_names(tree: nodes.Template) -> set[str]:
    """Return every name that the template itself sets, anywhere."""
    names = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    if tree.find(nodes.For):
        names.add("loop")
    if tree.find(nodes.Macro):
        names |= {"caller", "varargs", "kwargs", *(node.name for node in tree.find_all(nodes.Macro))}
    return names


def _statements(tree: nodes.Template, own: set[str]) -> Iterator[Flaw]:
    for kind, sentence in _NOT_HERE.items():
        for node in tree.find_all(kind):
            yield Flaw(node.lineno, sentence)
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            yield Flaw(loop.lineno, "'recursive' loops are not for messages; write loops inside each other")
    for changed in tree.find_all(nodes.NSRef):
        if changed.name not in own:
            yield Flaw(changed.lineno, f"'{changed.name}' cannot be changed; set a name of your own")


def _filters_and_tests(tree: nodes.Template, environment: MessageEnvironment) -> Iterator[Flaw]:
    known = environment.filters
    for node in tree.find_all(nodes.Filter):
        if node.name not in known:
            yield Flaw(node.lineno, _no_filter(node.name, environment))
        match node:
            case nodes.Filter(name="map", args=[nodes.Const(value=str(name)), *_]) if name not in known:
                yield Flaw(node.lineno, _no_filter(name, environment))
            case nodes.Filter(name="select" | "reject", args=[nodes.Const(value=str(name)), *_]):
                yield from _test(node.lineno, name, environment)
    for test in tree.find_all(nodes.Test):
        yield from _test(test.lineno, test.name, environment)


def _test(line: int, name: str, environment: MessageEnvironment) -> Iterator[Flaw]:
    if name not in environment.tests:
        yield Flaw(line, f"unknown test 'is {name}'{did_you_mean(name, environment.tests) or LISTED}")


def _no_filter(name: str, environment: MessageEnvironment) -> str:
    if name in REFUSED:
        return f"filter '{name}' is not for messages: {REFUSED[name]}"
    return f"unknown filter '{name}'{did_you_mean(name, environment.filters) or LISTED}"


def _names(tree: nodes.Template, own: set[str], vocabulary: Vocabulary) -> Iterator[Flaw]:
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name not in own and node.name not in vocabulary:
            meant = did_you_mean(node.name, [*vocabulary, *own])
            yield Flaw(
                node.lineno, f"no event has '{node.name}'{meant or '; names are ' + ', '.join(vocabulary)}"
            )


def _members(tree: nodes.Template, own: set[str], vocabulary: Vocabulary) -> Iterator[Flaw]:
    for node, owner, member in _accesses(tree):
        members = vocabulary.get(owner)
        if owner in own or members is None or member in members:
            continue
        if members:
            meant = did_you_mean(member, members) or f"; it has {', '.join(sorted(members))}"
            yield Flaw(node.lineno, f"'{owner}' has no '{member}'{meant}")
        elif member not in _PLAIN_MEMBERS:
            meant = did_you_mean(member, _PLAIN_MEMBERS)
            yield Flaw(node.lineno, f"'{owner}' is one value and has no '{member}'{meant}")


def _accesses(tree: nodes.Template) -> Iterator[tuple[nodes.Expr, str, str]]:
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        match node:
            case nodes.Getattr(node=nodes.Name(name=str(owner)), attr=str(member)):
                yield node, owner, member
            case nodes.Getitem(node=nodes.Name(name=str(owner)), arg=nodes.Const(value=str(member))):
                yield node, owner, member


def _of_items(tree: nodes.Template, own: set[str], vocabulary: Vocabulary) -> Iterator[Flaw]:
    """Find what no event has below the name that a loop gives to each of `items`."""
    each = set() if ITEMS in own or ITEMS not in vocabulary else _each_of_items(tree)
    for node, owner, member in _accesses(tree):
        if owner in each and member not in VOCABULARY:
            meant = did_you_mean(member, VOCABULARY) or f"; it has {', '.join(VOCABULARY)}"
            yield Flaw(node.lineno, f"'{owner}' is an event and has no '{member}'{meant}")
    for outer in tree.find_all(nodes.Getattr):
        match outer.node:
            case nodes.Getattr(node=nodes.Name(name=str(owner)), attr=str(group)) if owner in each:
                members = VOCABULARY.get(group)
                if members and outer.attr not in members:
                    meant = did_you_mean(outer.attr, members) or f"; it has {', '.join(sorted(members))}"
                    yield Flaw(outer.lineno, f"'{owner}.{group}' has no '{outer.attr}'{meant}")


def _each_of_items(tree: nodes.Template) -> set[str]:
    """Return the names that stand for an event of `items` wherever they stand."""
    names = [node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"]
    over = [
        loop.target.name
        for loop in tree.find_all(nodes.For)
        if isinstance(loop.target, nodes.Name) and loop.iter == nodes.Name(ITEMS, "load")
    ]
    return {name for name in over if names.count(name) == over.count(name)}


def _groups(tree: nodes.Template, own: set[str], vocabulary: Vocabulary) -> Iterator[Flaw]:
    """Find `{{ learner }}`, which is a person and no text."""
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.Name) and node.name not in own and vocabulary.get(node.name):
                members = ", ".join(f"{node.name}.{member}" for member in vocabulary[node.name] or ())
                yield Flaw(node.lineno, f"'{node.name}' is a group of values; print one of {members}")
