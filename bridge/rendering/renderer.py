"""The renderer: compiles what actions say and what `if:` asks, and reports everything wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bridge.clock import SystemClock
from bridge.core.events import OF_MESSAGE, VOCABULARY, Facts
from bridge.core.messages import RenderFailure, Slot, Target
from bridge.core.problems import Path as SettingPath
from bridge.core.problems import Problem, dotted
from bridge.core.rules import Content, Predicate
from bridge.rendering.attachments import FOLDER, Attachments, File
from bridge.rendering.certificates import Certificates
from bridge.rendering.check import Vocabulary, lone_expression
from bridge.rendering.documents import Leaf, Line, Part, Workshop, structure
from bridge.rendering.environment import MessageEnvironment
from bridge.rendering.escapes import Form
from bridge.rendering.files import MARKDOWN, Source
from bridge.rendering.filters import TESTS, builtin_filters
from bridge.rendering.library import Library, Result, Wrong
from bridge.rendering.people import people_filters
from bridge.rendering.places import in_address, in_mrkdwn, in_text
from bridge.rendering.predicate import Expression, as_template
from bridge.rendering.program import ANYWHERE, Compiled, Compiler, Failed, Surroundings, Text

_LINES: Mapping[Target, tuple[Form, Callable[[str], str]]] = {
    Target.PLAIN: (Form.RAW, str),
    Target.HEADER: (Form.TEXT, str),
    Target.MRKDWN: (Form.MRKDWN, in_mrkdwn),
    Target.URL: (Form.RAW, in_address),
    Target.CHAT: (Form.CHAT, in_text),
}


NO_NAMES: Vocabulary = {}


class Renderer:
    """Compiles once, renders for every event. Templates are read when first asked for, and kept."""

    def __init__(
        self,
        templates: Path,
        *,
        locale: str,
        timezone: ZoneInfo,
        monotonic: Callable[[], float],
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Read templates below `templates`, and files to attach in the folder beside it.

        Things are said in `locale` (`pt_BR`) and `timezone`.

        `monotonic` returns seconds and serves the time limit of a rendering; `now` returns an aware datetime,
        the clock's if left out, and serves the filter `ago` alone.
        """
        people = people_filters(locale, timezone, now or SystemClock().now)
        environment = MessageEnvironment({**builtin_filters(), **people}, TESTS)
        self._compiler = Compiler(environment, Surroundings(monotonic, timezone))
        self._workshop = Workshop(locale.replace("_", "-"))
        self._templates = templates
        self._attached = templates.parent / FOLDER
        self._attachments = Attachments(self._attached)
        self._slots: dict[tuple[object, ...], _Slots] = {}

    def content(
        self, slots: Mapping[str, Slot], names: Vocabulary = NO_NAMES
    ) -> tuple[Content | None, list[Problem]]:
        """Compile what an action says: by slot name; or None, and everything that is wrong with it.

        `names` is what its texts may use beside the event, as in `OF_MESSAGE`.
        """
        return self._within(names).content(slots)

    def predicate(self, source: str) -> tuple[Predicate | None, list[Problem]]:
        """Compile an `if:`; or None, and everything that is wrong with it."""
        text = Text(as_template(source), "if", in_file=False)
        compiled = self._compiler.compile(text, VOCABULARY, structure=True)
        problems = [Problem((), _in_setting(text, flaw.sentence, flaw.line)) for flaw in compiled.flaws]
        if compiled.tree is not None and not lone_expression(compiled.tree):
            problems.append(Problem((), "is not one expression, such as '{{ occurred_at.hour < 23 }}'"))
        if problems or compiled.program is None:
            return None, problems
        return Expression(source, Leaf(compiled.program, native=True)), []

    def _within(self, names: Vocabulary) -> _Slots:
        """Return what compiles texts that may use `names` beside the event."""
        key = tuple(names.items())
        if key not in self._slots:
            usable = {**OF_MESSAGE, **names}
            library = Library(self._templates, self._compiler, self._workshop, usable)
            self._slots[key] = _Slots(
                self._compiler, library, self._attachments, self._certificates(usable), usable
            )
        return self._slots[key]

    def _certificates(self, names: Vocabulary) -> Certificates:
        return Certificates(self._templates, self._attached, self._compiler, self._workshop.lang, names)


class _Slots:
    """Compiles slots whose texts may use `names`."""

    def __init__(
        self,
        compiler: Compiler,
        library: Library,
        attachments: Attachments,
        certificates: Certificates,
        names: Vocabulary,
    ) -> None:
        self._compiler = compiler
        self._library = library
        self._attachments = attachments
        self._certificates = certificates
        self._names = names
        self._known: dict[tuple[str, bool], Compiled] = {}

    def content(self, slots: Mapping[str, Slot]) -> tuple[Content | None, list[Problem]]:
        """Compile what an action says."""
        parts: dict[str, Part] = {}
        problems: list[Problem] = []
        for name, slot in slots.items():
            part, found = self._part(slot, has_subject="subject" in slots)
            problems += found
            if part is not None:
                parts[name] = part
        broken = any(not problem.warning for problem in problems)
        return (None if broken else Rendering(parts)), problems

    def _part(self, slot: Slot, *, has_subject: bool) -> tuple[Part | None, list[Problem]]:
        match slot.target:
            case Target.PLAIN | Target.HEADER | Target.MRKDWN | Target.URL:
                return self._line(slot)
            case Target.JSON:
                problems: list[Problem] = []
                plan = self._plan(slot.source, slot.path, problems)
                return structure(plan), problems
            case Target.EMAIL:
                email = (
                    self._library.email_of(_inline(slot))
                    if slot.inline
                    else self._library.email(str(slot.source))
                )
                problems = _problems(email, slot)
                if "subject" not in email.front and not has_subject and not problems:
                    problems.append(_without_subject(slot))
                return email.part, problems
            case Target.SLACK:
                text = (
                    self._library.slack_text_of(_inline(slot))
                    if slot.inline
                    else self._library.slack_text(str(slot.source))
                )
                return text.part, _problems(text, slot)
            case Target.CHAT if slot.inline:
                return self._line(slot)
            case Target.CHAT:
                chat = self._library.chat_text(str(slot.source))
                return chat.part, _problems(chat, slot)
            case Target.FILE:
                file = self._attachments.get(str(slot.source))
                return (None, [Problem(slot.path, file)]) if isinstance(file, str) else (File(file), [])
            case Target.CERTIFICATE:
                certificate = self._certificates.get(str(slot.source))
                return certificate.part, _problems(certificate, slot)
        assert_never(slot.target)

    def _line(self, slot: Slot) -> tuple[Part | None, list[Problem]]:
        text = Text(str(slot.source), dotted(slot.path), in_file=False)
        compiled = self._compiled(text, structure=False)
        form, place = _LINES[slot.target]
        part = Line(compiled.program, form, place) if compiled.program else None
        return part, [
            Problem(slot.path, _in_setting(text, flaw.sentence, flaw.line)) for flaw in compiled.flaws
        ]

    def _compiled(self, text: Text, *, structure: bool) -> Compiled:
        """Compile the text of a setting; of thousands of rules many say the same."""
        key = (text.source, structure)
        if key not in self._known:
            shared = replace(text, where=ANYWHERE)
            self._known[key] = self._compiler.compile(shared, self._names, structure=structure)
        known = self._known[key]
        return known if known.program is None else replace(known, program=known.program.at(text))

    def _plan(self, source: object, path: SettingPath, problems: list[Problem]) -> object:
        """Return a structure with each text that has an expression compiled."""
        match source:
            case Mapping():
                return {key: self._plan(item, (*path, str(key)), problems) for key, item in source.items()}
            case list() | tuple():
                return [self._plan(item, (*path, place), problems) for place, item in enumerate(source)]
            case str() if "{" in source:
                return self._leaf(source, path, problems)
            case _:
                return source

    def _leaf(self, source: str, path: SettingPath, problems: list[Problem]) -> object:
        text = Text(source, dotted(path), in_file=False)
        compiled = self._compiled(text, structure=True)
        problems += (Problem(path, _in_setting(text, flaw.sentence, flaw.line)) for flaw in compiled.flaws)
        if compiled.program is None or compiled.tree is None:
            return source
        return Leaf(compiled.program, native=lone_expression(compiled.tree))


class Rendering:
    """What an action says, compiled (`bridge.core.rules.Content`)."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = tuple(parts.items())

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        """Return each slot's value by name: a str, a `Document`, an `Attachment`, or a JSON structure."""
        said: dict[str, object] = {}
        try:
            for name, part in self._parts:
                said[name] = part.render(facts)
        except Failed as failed:
            return failed.failure
        return said


def _inline(slot: Slot) -> Source:
    return Source(MARKDOWN, Text(str(slot.source), dotted(slot.path), in_file=False))


def _problems(result: Result[Part], slot: Slot) -> list[Problem]:
    return [_problem(wrong, slot) for wrong in result.wrong]


def _problem(wrong: Wrong, slot: Slot) -> Problem:
    if wrong.where is None:
        return Problem(slot.path, wrong.sentence)
    if wrong.where.in_file:
        where, line, warning = wrong.where.where, wrong.line, wrong.warning
        return Problem(slot.path, wrong.sentence, file=where, line=line, warning=warning)
    sentence = _in_setting(wrong.where, wrong.sentence, wrong.line)
    return Problem(slot.path, sentence, warning=wrong.warning)


def _in_setting(text: Text, sentence: str, line: int | None) -> str:
    """Name the line of a text of several, whose own lines the configuration does not count."""
    return f"line {line}: {sentence}" if line and "\n" in text.source.strip() else sentence


def _without_subject(slot: Slot) -> Problem:
    if slot.inline:
        return Problem(slot.path, "the e-mail has no subject; add `subject:` to the action")
    return Problem(
        slot.path,
        f"template '{slot.source}' has no subject; add `subject:` to its front matter or to the action",
    )
