"""How Jinja's compiler is made to yield pieces instead of text, to name what is absent, and to count loops.

Differences from Jinja's own code generator:

* a printed expression becomes `environment.printed(value, label, spot)`: no value is ever the author's text;
* `a.b` and `a['b']` become `environment.member(a, 'b', 'a.b')`, so what is absent is told by its whole path;
* what a `for` goes through is counted, turn by turn (`count_loops`);
* what is compared, or searched by `in`, is paid for;
* lists and groups written in a template, and `~`, go through the environment, which bounds them.
"""

# ruff: noqa: ARG002, N802  (names and arguments are those of the methods overridden)

from __future__ import annotations

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, operators
from msgspec import Struct

from bridge.rendering.limits import Spot

COUNTED = "<counted>"
"""Name of the filter around every iterable; no author can write it."""
DYNAMIC = "[…]"
"""Stands in a path for a member whose name is worked out, and may be a value of the event."""


def label_of(node: nodes.Node) -> str | None:
    """Return a path or a filtered path as its author wrote it, or None for any other expression."""
    match node:
        case nodes.Name(name=str(name)):
            return name
        case (
            nodes.Getattr(node=inner, attr=str(attr))
            | nodes.Getitem(node=inner, arg=nodes.Const(value=str(attr)))
        ):
            above = label_of(inner)
            return above and f"{above}.{attr}"
        case nodes.Getitem(node=inner, arg=nodes.Const(value=int(index))):
            above = label_of(inner)
            return above and f"{above}[{index}]"
        case nodes.Filter(node=nodes.Expr() as inner, name=str(name)):
            above = label_of(inner)
            return above and f"{above} | {name}"
    return None


class Member(Struct, frozen=True):
    """A name, or a member of groups by its names; how its author wrote it, and where."""

    steps: tuple[str, ...]
    label: str
    spot: Spot


def lone_member(tree: nodes.Template, where: str) -> Member | None:
    """Return what a text prints that is exactly one `{{ }}` around a path of names, or None for any other."""
    match tree.body:
        case [nodes.Output(nodes=[nodes.Name() | nodes.Getattr() | nodes.Getitem() as only])]:
            steps, label = _steps_of(only), label_of(only)
            return Member(steps, label, (where, only.lineno)) if steps and label else None
    return None


def _steps_of(node: nodes.Node) -> tuple[str, ...] | None:
    match node:
        case nodes.Name(name=str(name)):
            return (name,)
        case (
            nodes.Getattr(node=inner, attr=str(attr))
            | nodes.Getitem(node=inner, arg=nodes.Const(value=str(attr)))
        ):
            above = _steps_of(inner)
            return above and (*above, attr)
    return None


def path_of(node: nodes.Getattr | nodes.Getitem) -> str:
    """Return how a member is told to people."""
    label = label_of(node)
    if label is None:
        label = node.attr if isinstance(node, nodes.Getattr) else (label_of(node.node) or "") + DYNAMIC
    return label


def count_loops(tree: nodes.Template) -> None:
    """Put the counting filter around what every `for` goes through."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, COUNTED, [], [], None, None, lineno=loop.iter.lineno)


class PieceGenerator(CodeGenerator):
    """Generates the module that yields pieces; see the top of this file."""

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        return self._FinalizeInfo(None, "environment.printed(")

    def _output_child_pre(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        self.write(str(finalize.src))

    def _output_child_post(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        self.write(f", {label_of(node)!r}, {(self.name, node.lineno)!r})")

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        """Begin to write what a call or filter block gives: a value, unless it is a fragment."""
        super().start_write(frame, node)
        self.write("environment.printed(")

    def end_write(self, frame: Frame) -> None:
        """End what `start_write` began."""
        self.write(", None, None)")
        super().end_write(frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """Look up a member by the path under which the author knows it."""
        self.write("environment.member(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, {path_of(node)!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """As a member, unless it is a slice, which Python does by itself."""
        if isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.member(")
        self.visit(node.node, frame)
        self.write(", ")
        self.visit(node.arg, frame)
        self.write(f", {path_of(node)!r})")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        """Compare as Python does, with each side paying for its size."""
        self.write("(environment.weighed(context, ")
        self.visit(node.expr, frame)
        self.write(")")
        for operand in node.ops:
            self.visit(operand, frame)
        self.write(")")

    def visit_Operand(self, node: nodes.Operand, frame: Frame) -> None:
        """Compare with what is weighed, or search what is searched."""
        meter = "searched" if node.op in ("in", "notin") else "weighed"
        self.write(f" {operators[node.op]} environment.{meter}(context, ")
        self.visit(node.expr, frame)
        self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """Join with `~`, keeping captured markup what it is."""
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        """Make a list of bounded size."""
        self.write("environment.bounded(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        """Make a group of bounded size."""
        self.write("environment.bounded(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        """Make a tuple of bounded size, where it is a value and not the target of an assignment."""
        if node.ctx != "load":
            super().visit_Tuple(node, frame)
            return
        self.write("environment.bounded(")
        super().visit_Tuple(node, frame)
        self.write(")")
