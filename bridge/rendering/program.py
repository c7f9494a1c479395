"""One template text, compiled: what runs for each event, and what is told when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from zoneinfo import ZoneInfo

from jinja2 import Template, TemplateSyntaxError, UndefinedError, nodes
from msgspec import Struct

from bridge.core.events import TIMES
from bridge.core.messages import RenderFailure
from bridge.rendering.check import Flaw, Vocabulary, flaws
from bridge.rendering.codegen import Member, count_loops, lone_member
from bridge.rendering.environment import MessageEnvironment
from bridge.rendering.limits import Budget, Fault
from bridge.rendering.metering import MessageContext, ReadyNames
from bridge.rendering.moulds import RESERVED
from bridge.rendering.syntax import plainly
from bridge.rendering.values import Printed, flatten

_ORDINARY = frozenset((str, int, float, bool, type(None), dict, list, datetime))
"""What facts are made of."""
SEVERAL = ("items", "count")
"""The names of a message about several events."""
UNDECIDED = object()
"""Stands for a value that only running the text can find, or say to be absent."""
ANYWHERE = ""
"""Stands for the place of a text that several settings share, each of which knows its own."""
UNWORKABLE = "gives a filter, a test, a comparison or a macro values it cannot work with"


class Failed(Exception):
    """A rendering stopped; `failure` says where and why."""

    def __init__(self, failure: RenderFailure) -> None:
        super().__init__(failure.why)
        self.failure = failure


class Text(Struct, frozen=True):
    """A template's text: of a file, or of a setting, whose `where` is its path. `line` is its first line."""

    source: str
    where: str
    line: int = 1
    in_file: bool = True


class Surroundings(Struct, frozen=True):
    """Where programs run: `monotonic` returns seconds, for the time limit of each rendering."""

    monotonic: Callable[[], float]
    timezone: ZoneInfo


class Compiled(Struct, frozen=True):
    """What came of compiling a text: a program, or flaws; the tree, if there is one, for further checks."""

    program: Program | None
    flaws: list[Flaw]
    tree: nodes.Template | None = None


class Asked(Struct, frozen=True):
    """What a text asks for, found when it is compiled, so that nothing else is made ready for each event."""

    is_plain: bool
    """Whether it asks for nothing that depends on the time zone, or on how many events there are."""
    functions: Mapping[str, object]
    member: Member | None

    @classmethod
    def of(cls, tree: nodes.Template, environment: MessageEnvironment, where: str) -> Asked:
        """Read the tree of the text at `where`."""
        names = {node.name for node in tree.find_all(nodes.Name)}
        functions = {name: environment.globals[name] for name in sorted(names) if name in environment.globals}
        return cls(names.isdisjoint((*SEVERAL, *TIMES)), functions, lone_member(tree, where))


class Program:
    """A compiled text, as `Compiler` makes it."""

    def __init__(self, template: Template, text: Text, asked: Asked, surroundings: Surroundings) -> None:
        self._template = template
        self._text = text
        self._asked = asked
        self._steps = asked.member.steps if asked.member is not None else ()
        self._surroundings = surroundings

    def at(self, text: Text) -> Program:
        """Return the same program for the same text in another place."""
        return Program(self._template, text, self._asked, self._surroundings)

    def run(self, names: Mapping[str, object]) -> list[str | Printed]:
        """Return the pieces for one event; raise `Failed`. Its times are in the configured zone."""
        member = self._asked.member
        if member is not None and (found := self.member(names)) is not UNDECIDED:
            return [Printed(found, member.label, member.spot)]
        try:
            budget = Budget(self._surroundings.monotonic)
            context = MessageContext(self._template.environment, self._seen(names), budget)
            return flatten(self._template.root_render_func(context))
        except Exception as error:  # noqa: BLE001  (see below)
            # Whatever goes wrong in a template's own code is the template's failure, never the bridge's.
            raise Failed(self.failure(error)) from None

    def member(self, names: Mapping[str, object]) -> object:
        """Return the value that is printed by a text of nothing but one path of names, or `UNDECIDED`.

        Most leaves of a structure are such texts, and this is a tenth of the work of running them. What is
        absent or out of the ordinary is decided in one place: by running the text.
        """
        found: object = names
        try:
            for step in self._steps:
                found = found[step]  # type: ignore[index]  # what has no members raises
        except (KeyError, TypeError):
            return UNDECIDED
        if type(found) is str:
            return found
        if type(found) is datetime and len(self._steps) == 1:
            return found.astimezone(self._surroundings.timezone)
        return found if type(found) in _ORDINARY and self._steps else UNDECIDED

    def ready(self, names: Mapping[str, object]) -> ReadyNames:
        """Return an event's names for this text and any other, which then need not be made ready for each."""
        here = self._in_zone(names)
        seen = ReadyNames(self._template.globals)
        seen.update(here)
        items = names.get("items")
        if "items" not in names:  # those of a message about several events; without them it is about one
            seen["items"] = [here]
        elif type(items) is list:
            seen["items"] = [self._in_zone(item) if isinstance(item, dict) else item for item in items]
        seen.setdefault("count", 1)
        return seen

    def _seen(self, names: Mapping[str, object]) -> ReadyNames:
        if type(names) is ReadyNames:
            return names
        if not self._asked.is_plain:
            return self.ready(names)
        seen = ReadyNames(self._asked.functions)
        seen.update(names)
        return seen

    def _in_zone(self, facts: Mapping[str, object]) -> dict[str, object]:
        """Return an event's facts with their times in the configured zone."""
        there = dict(facts)
        for name in TIMES:
            if isinstance(value := facts.get(name), datetime):
                there[name] = value.astimezone(self._surroundings.timezone)
        return there

    def failure(self, error: Exception) -> RenderFailure:
        """Return what to tell of an error: where, which line, and why without any value of the event."""
        where, line = self._spot(error)
        why = _why(error)
        if self._text.in_file or where != self._text.where:
            return RenderFailure(where, line, why)
        several = "\n" in self._text.source.strip()
        return RenderFailure(where, None, f"line {line}: {why}" if several and line else why)

    def _spot(self, error: Exception) -> tuple[str, int | None]:
        if isinstance(error, Fault) and error.spot:
            where, line = error.spot
            return where or self._text.where, line
        return self._text.where, self._line(error.__traceback__)

    def _line(self, traceback: TracebackType | None) -> int | None:
        """Return the template's line of the innermost frame that is template code."""
        line = None
        while traceback is not None:
            if traceback.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


class Compiler:
    """Compiles texts for one environment; Jinja's errors become flaws with their line."""

    def __init__(self, environment: MessageEnvironment, surroundings: Surroundings) -> None:
        self._environment = environment
        self._surroundings = surroundings

    def compile(self, text: Text, vocabulary: Vocabulary, *, structure: bool = False) -> Compiled:
        """Compile a text. `structure` allows `{{ learner }}`, a whole group, as the only thing there is."""
        try:
            tree = self._parsed(text)
            found = flaws(tree, self._environment, vocabulary, structure=structure)
            return Compiled(None, found, tree) if found else Compiled(self._program(tree, text), [], tree)
        except _Unusable as error:
            return Compiled(None, [error.flaw])
        except TemplateSyntaxError as error:
            return Compiled(None, [Flaw(error.lineno, plainly(str(error.message)))])
        except SyntaxError as error:
            # Python's own, of the code that Jinja made: loops or conditions inside each other twenty deep.
            return Compiled(None, [Flaw(text.line, f"cannot be compiled: {error.msg}")])
        except (RecursionError, MemoryError):
            return Compiled(None, [Flaw(text.line, "is nested too deeply")])

    def _program(self, tree: nodes.Template, text: Text) -> Program:
        asked = Asked.of(tree, self._environment, text.where)
        count_loops(tree)
        code = self._environment.compile(tree, name=text.where)
        template = Template.from_code(self._environment, code, self._environment.globals)
        return Program(template, text, asked, self._surroundings)

    def _parsed(self, text: Text) -> nodes.Template:
        """Return the tree, its lines counted from the file's first."""
        before = text.line - 1
        reserved = RESERVED.search(text.source)
        if reserved:
            line = text.source.count("\n", 0, reserved.start()) + 1
            raise _Unusable(
                Flaw(before + line, f"the private-use character U+{ord(reserved[0]):04X} cannot be sent")
            )
        try:
            tree = self._environment.parse(text.source)
        except TemplateSyntaxError as error:
            raise _Unusable(Flaw(before + error.lineno, plainly(str(error.message)))) from None
        for node in tree.find_all(nodes.Node):
            node.lineno = (node.lineno or 1) + before
        return tree


class _Unusable(Exception):
    """A text that has no tree."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.sentence)
        self.flaw = flaw


def _why(error: Exception) -> str:
    match error:
        case Fault():
            return error.why
        case UndefinedError():
            return str(error.message)
        case RecursionError() | MemoryError():
            return "goes too deep, or makes too much"
        case _:
            return UNWORKABLE
