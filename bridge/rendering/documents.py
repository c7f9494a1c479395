"""Compiled messages: what each kind of slot does with an event's names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from bridge.core.messages import UNSUBSCRIBE_NAME, Document, Runs
from bridge.rendering.escapes import Form
from bridge.rendering.leaving import UNSUBSCRIBE_TEXT, leaving
from bridge.rendering.limits import Fault
from bridge.rendering.moulds import CONTENT, Mould, Moulds, texts, way
from bridge.rendering.places import Misplaced, in_html
from bridge.rendering.program import UNDECIDED, Failed, Program
from bridge.rendering.readable import MRKDWN, TEXT, readable
from bridge.rendering.values import Fragment, Printed, native_of

if TYPE_CHECKING:
    from css_inline import CSSInliner
    from markdown_it import MarkdownIt

Names = Mapping[str, object]
"""What a template sees: an event's facts, and on a page what the message adds to them."""
CONTENT_PIECE = Fragment((CONTENT,))
_STYLE_FIRST = re.compile(r"(<head>)(<style>.*?</style>)\n?(.*?)\s*</head>", re.DOTALL)


class Part(Protocol):
    """One slot, compiled."""

    def render(self, names: Names) -> object:
        """Return what the slot says for one event's names; raise `Failed`."""
        ...


class Line:
    """A text in one form: an address, a subject, a Slack text."""

    def __init__(self, program: Program, form: Form, place: Callable[[str], str]) -> None:
        """`place` finds what stands around the values."""
        self._program = program
        self._moulds = Moulds(lambda text: Mould(place(text), form))

    def render(self, names: Names) -> str:
        """Return the text."""
        return self.filled(self._program.run(names))

    def filled(self, pieces: list[str | Printed]) -> str:
        """Return the text of a rendering's pieces."""
        values: list[Printed] = []
        try:
            return str(self._moulds.get(way(pieces, values)).fill(values, texts(values)))
        except (Fault, Misplaced) as error:
            raise _failed(error, self._program, values) from None


class Leaf:
    """A text of a structure. One that is a single expression keeps the type of its value."""

    def __init__(self, program: Program, *, native: bool) -> None:
        self._program = program
        self._native = native
        self._text = Line(program, Form.RAW, str)

    def render(self, names: Names) -> object:
        """Return a text, or the value of the single expression as plain JSON types."""
        found = self._program.member(names) if self._native else UNDECIDED
        if type(found) is str:
            return found
        if found is not UNDECIDED:
            try:
                return native_of(found)
            except Fault:
                pass  # running the text, below, tells where it stands
        pieces = self._program.run(names)
        only = pieces[0] if self._native and len(pieces) == 1 else None
        if not isinstance(only, Printed):
            return self._text.filled(pieces)
        try:
            return native_of(only.value)
        except Fault as fault:
            raise _failed(only.fault(fault.why), self._program, []) from None


class Same:
    """What says the same for every event."""

    def __init__(self, value: object) -> None:
        self._value = value

    def render(self, names: Names) -> object:  # noqa: ARG002 - it asks for none
        """Return it."""
        return self._value


class Group:
    """An object or a list of a JSON structure, some of whose members each event fills in.

    The other members are the very same objects in all messages, and nobody's to change.
    """

    def __init__(self, plan: dict[Any, object] | list[object], parts: Sequence[tuple[Any, Part]]) -> None:
        """`parts` are the members to fill in, by their key or position in `plan`."""
        self._plan = plan
        self._parts = parts

    def render(self, names: Names) -> object:
        """Return the object or list, its members in the order of the plan."""
        made = self._plan.copy()
        for place, part in self._parts:
            made[place] = part.render(names)
        return made


def structure(plan: object) -> Part:
    """Return a JSON structure, of dicts and lists, with a `Leaf` or a `Line` for each text to be rendered."""
    return _to_fill_in(plan) or Same(plan)


def _to_fill_in(plan: object) -> Part | None:
    if isinstance(plan, Leaf | Line):
        return plan
    if not isinstance(plan, dict | list):
        return None
    members = plan.items() if isinstance(plan, dict) else enumerate(plan)
    parts = [(place, part) for place, member in members if (part := _to_fill_in(member)) is not None]
    return Group(plan, parts) if parts else None


@dataclass(frozen=True)
class Workshop:
    """What turns skeletons into HTML: the Markdown parser and the inliner of style sheets.

    Both are imported when they are first needed: who sends webhooks alone never needs them.
    """

    lang: str

    def html(self, markdown: str) -> str:
        """Return Markdown as HTML."""
        return str(self._markdown.render(markdown))

    def inlined(self, html: str) -> str:
        """Return a page whose style sheets stand in its tags; raises `Fault` for those that cannot."""
        from css_inline import InlineError  # noqa: PLC0415 - as below

        try:
            return self._inliner.inline(html)
        except InlineError:
            raise Fault("has style sheets that cannot be read") from None

    @cached_property
    def _markdown(self) -> MarkdownIt:
        from bridge.rendering.markdown import Markdown  # noqa: PLC0415 - nothing may be sent by mail or Slack

        return Markdown()

    @cached_property
    def _inliner(self) -> CSSInliner:
        from css_inline import CSSInliner  # noqa: PLC0415 - nothing may be sent by mail

        # A message must never make the bridge fetch something.
        return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


class Email:
    """An e-mail: a page of HTML, which is a layout around Markdown or an `.html` template by itself."""

    def __init__(
        self, page: Program, body: Program | None, front: Mapping[str, Line], workshop: Workshop
    ) -> None:
        """Without a `body` the page is the whole message."""
        self._page = page
        self._body = body
        self._front = front
        self._workshop = workshop
        self._moulds = Moulds(self._make)

    def render(self, names: Names) -> Document:
        """Return the HTML, the text part and the front matter."""
        names = self._page.ready(names)
        front = {key: line.render(names) for key, line in self._front.items()}
        lang, link = self._workshop.lang, str(names.get(UNSUBSCRIBE_NAME) or "")
        around = {
            "subject": "",
            "preheader": "",
            **front,
            "lang": lang,
            UNSUBSCRIBE_NAME: link,
            UNSUBSCRIBE_TEXT: leaving(lang),
            "content": CONTENT_PIECE,
        }
        values: list[Printed] = []
        try:
            body = way(self._body.run(names), values) if self._body else ()
            page = way(self._page.run(names.and_also(around)), values)
            html, text = self._moulds.get(body, page)
            written = texts(values)
            shown, said = html.fill(values, written), text.fill(values, written)
            if link:
                shown, said = _with_link(shown, said, leaving(lang), link)
            return Document(front, html=shown, text=said, lang=lang)
        except (Fault, Misplaced, RecursionError) as error:
            raise _failed(error, self._body or self._page, values) from None

    def _make(self, body: str, page: str) -> tuple[Mould, Mould]:
        content = self._workshop.html(body) if self._body else page
        html = in_html(page.replace(CONTENT, content))
        text = readable(in_html(content), TEXT)
        return Mould(_in_order(self._workshop.inlined(html)), Form.HTML), Mould(text, Form.TEXT)


class ChatText:
    """A Markdown template for chats that take plain text."""

    def __init__(self, body: Program, workshop: Workshop) -> None:
        self._body = body
        self._workshop = workshop
        self._moulds = Moulds(self._make)

    def render(self, names: Names) -> Document:
        """Return the text, whose values call nobody."""
        values: list[Printed] = []
        pieces = self._body.run(names)
        try:
            text = self._moulds.get(way(pieces, values))
            return Document(text=str(text.fill(values, texts(values))))
        except (Fault, Misplaced) as error:
            raise _failed(error, self._body, values) from None

    def _make(self, body: str) -> Mould:
        return Mould(readable(in_html(self._workshop.html(body)), TEXT), Form.CHAT)


class SlackText:
    """A Markdown template for Slack: mrkdwn, and plain text for notifications."""

    def __init__(self, body: Program, front: Mapping[str, Line], workshop: Workshop) -> None:
        self._body = body
        self._front = front
        self._workshop = workshop
        self._moulds = Moulds(self._make)

    def render(self, names: Names) -> Document:
        """Return the mrkdwn, the text and the front matter."""
        front = {key: line.render(names) for key, line in self._front.items()}
        values: list[Printed] = []
        pieces = self._body.run(names)
        try:
            mrkdwn, text = self._moulds.get(way(pieces, values))
            written = texts(values)
            said, plain = mrkdwn.fill(values, written), text.fill(values, written)
            return Document(front, mrkdwn=str(said), text=str(plain))
        except (Fault, Misplaced) as error:
            raise _failed(error, self._body, values) from None

    def _make(self, body: str) -> tuple[Mould, Mould]:
        html = in_html(self._workshop.html(body))
        return Mould(readable(html, MRKDWN), Form.MRKDWN), Mould(readable(html, TEXT), Form.TEXT)


def _with_link(html: Runs, text: Runs, words: str, link: str) -> tuple[Runs, Runs]:
    """Return both parts with the link by which one leaves, where their template has left it out."""
    if link not in html.own:
        head, end, tail = html.shared[-1].rpartition("</body>")
        line = f'{head}<p style="text-align: center;"><a href="', f'">{words}</a></p>\n{end}{tail}'
        html = Runs((*html.shared[:-1], *line), (*html.own, link))
    if link not in text.own:
        text = Runs((*text.shared[:-1], f"{text.shared[-1]}\n\n-- \n{words}: ", ""), (*text.own, link))
    return html, text


def _in_order(html: str) -> str:
    """Return the page with the rules that stay in it behind what is needed first, the character set."""
    return _STYLE_FIRST.sub(r"\1\3\n\2\n</head>", html, count=1)


def _failed(error: Exception, program: Program, values: list[Printed]) -> Failed:
    if isinstance(error, Misplaced):
        error = values[error.number].fault(error.why)
    return Failed(program.failure(error))
