"""The templates folder, compiled on demand and once: e-mails, Slack texts, layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from jinja2 import nodes
from msgspec import Struct

from bridge.core.events import OF_MESSAGE
from bridge.core.messages import CLIPPED, CLIPPED_FROM, UNSUBSCRIBE_NAME
from bridge.rendering import files
from bridge.rendering.blocks import Blocks, blocks_of
from bridge.rendering.check import Flaw, Vocabulary
from bridge.rendering.documents import ChatText, Email, Line, SlackText, Workshop
from bridge.rendering.escapes import Form
from bridge.rendering.files import HTML, JSON, MARKDOWN, Source
from bridge.rendering.leaving import UNSUBSCRIBE_TEXT
from bridge.rendering.moulds import CONTENT, placeholder
from bridge.rendering.pictures import hidden_pictures
from bridge.rendering.places import Misplaced, in_html
from bridge.rendering.program import Compiled, Compiler, Program, Text

P_co = TypeVar("P_co", covariant=True)

LAYOUTS = "layouts"
DEFAULT_LAYOUT = "default"
PLAIN_LAYOUT = Text(
    '<!doctype html>\n<html lang="{{ lang }}"><head><meta charset="utf-8"><title>{{ subject }}</title></head>'
    "<body>{{ content }}{% if unsubscribe_url %}"
    '<p><a href="{{ unsubscribe_url }}">{{ unsubscribe_text }}</a></p>{% endif %}</body></html>\n',
    "the built-in layout",
)
"""What stands around an e-mail where the folder has no default layout: text in a setting needs no folder."""
_PAGE_NAMES: Vocabulary = dict.fromkeys(
    ("subject", "preheader", "lang", UNSUBSCRIBE_NAME, UNSUBSCRIBE_TEXT), ()
)
"""What an `.html` template may use beside the event."""


class Wrong(Struct, frozen=True):
    """Something wrong with a template; `where` and `line` are None when it is the setting that names it.

    A `warning` stops nothing.
    """

    sentence: str
    where: Text | None = None
    line: int | None = None
    warning: bool = False


class Result(Struct, Generic[P_co], frozen=True):
    """A compiled part, or what is wrong; a part may be there and be incomplete for want of a subject."""

    part: P_co | None
    wrong: Sequence[Wrong] = ()
    front: Sequence[str] = ()


class Library:
    """Compiles templates by name, and Markdown that stands in the configuration."""

    def __init__(
        self, folder: Path, compiler: Compiler, workshop: Workshop, names: Vocabulary = OF_MESSAGE
    ) -> None:
        """`folder` holds the templates, and `layouts/` below it the layouts; `names` is what they may use."""
        self._folder = folder
        self._names = names
        self._page_names = {**names, **_PAGE_NAMES}
        self._compiler = compiler
        self._workshop = workshop
        self._emails: dict[str, Result[Email]] = {}
        self._slack_texts: dict[str, Result[SlackText | Blocks]] = {}
        self._chat_texts: dict[str, Result[ChatText]] = {}
        self._layouts: dict[str, Result[Program]] = {}

    def email(self, name: str) -> Result[Email]:
        """Return the e-mail of a template file."""
        if name not in self._emails:
            self._emails[name] = self._opened(name, self.email_of)
        return self._emails[name]

    def slack_text(self, name: str) -> Result[SlackText | Blocks]:
        """Return the Slack text of a template file, or its blocks."""
        if name not in self._slack_texts:
            self._slack_texts[name] = self._opened(name, self._slack, JSON)
        return self._slack_texts[name]

    def email_of(self, source: Source) -> Result[Email]:
        """Return the e-mail of a template that was read."""
        front, wrong = self._front(source)
        if source.kind == HTML:
            body, page = None, self._page(source.body)
        else:
            body, page = self._body(source.body), self._layout(source)
        wrong = [*wrong, *(body.wrong if body else ()), *page.wrong]
        if wrong or page.part is None:
            return Result(None, wrong, tuple(source.front))
        email = Email(page.part, body.part if body else None, front, self._workshop)
        return Result(email, _too_long(source.body), tuple(source.front))

    def slack_text_of(self, source: Source) -> Result[SlackText]:
        """Return the Slack text of a template that was read."""
        if source.kind == HTML:
            sentence = "is an .html file, which only e-mail can send; Slack needs an .md file"
            return Result(None, [Wrong(f"{source.body.where} {sentence}")])
        front, wrong = self._front(source)
        body = self._body(source.body)
        wrong = [*wrong, *body.wrong]
        if wrong or body.part is None:
            return Result(None, wrong, tuple(source.front))
        return Result(SlackText(body.part, front, self._workshop), front=tuple(source.front))

    def chat_text(self, name: str) -> Result[ChatText]:
        """Return the text of a template file for a chat."""
        if name not in self._chat_texts:
            self._chat_texts[name] = self._opened(name, self._chat_text_of)
        return self._chat_texts[name]

    def _chat_text_of(self, source: Source) -> Result[ChatText]:
        if source.kind == HTML:
            return Result(None, [Wrong(f"{source.body.where} is an .html file, which only e-mail can send")])
        _, wrong = self._front(source)
        body = self._body(source.body)
        wrong = [*wrong, *body.wrong]
        if wrong or body.part is None:
            return Result(None, wrong)
        return Result(ChatText(body.part, self._workshop))

    def _slack(self, source: Source) -> Result[SlackText | Blocks]:
        return self._blocks(source) if source.kind == JSON else self.slack_text_of(source)

    def _blocks(self, source: Source) -> Result[Blocks]:
        blocks, flaws = blocks_of(source.body, lambda text: self._compiler.compile(text, self._names))
        return Result(blocks, _wrong(flaws, source.body))

    def _opened(self, name: str, compiled: Callable[[Source], Result[P_co]], *more: str) -> Result[P_co]:
        found = files.find(self._folder, name, (MARKDOWN, HTML, *more))
        source = files.read(found, whole=found.suffix == JSON) if isinstance(found, Path) else found
        return Result(None, [Wrong(source)]) if isinstance(source, str) else compiled(source)

    def _front(self, source: Source) -> tuple[dict[str, Line], list[Wrong]]:
        lines: dict[str, Line] = {}
        wrong = [Wrong(flaw.sentence, source.body, flaw.line) for flaw in source.flaws]
        for key, text in source.front.items():
            if key == "layout":
                continue
            compiled = self._compiler.compile(text, self._names)
            wrong += _wrong(compiled.flaws, text)
            if compiled.program:
                lines[key] = Line(compiled.program, Form.TEXT, str)
        return lines, wrong

    def _body(self, text: Text) -> Result[Program]:
        compiled = self._compiler.compile(text, self._names)
        return Result(compiled.program, _wrong([*compiled.flaws, *hidden_pictures(text)], text))

    def _page(self, text: Text) -> Result[Program]:
        compiled = self._compiler.compile(text, self._page_names)
        return Result(
            compiled.program, _wrong([*compiled.flaws, *_misplaced(compiled), *hidden_pictures(text)], text)
        )

    def _layout(self, source: Source) -> Result[Program]:
        named = source.front.get("layout")
        name = named.source if named else DEFAULT_LAYOUT
        if name not in self._layouts:
            self._layouts[name] = self._read_layout(name)
        layout = self._layouts[name]
        if named:
            return Result(
                layout.part, [w if w.where else Wrong(w.sentence, named, named.line) for w in layout.wrong]
            )
        return layout

    def _read_layout(self, name: str) -> Result[Program]:
        found = files.find(self._folder / LAYOUTS, name, (HTML,), "layout")
        if not isinstance(found, Path) and name == DEFAULT_LAYOUT:
            source: Source | str = Source(HTML, PLAIN_LAYOUT)
        else:
            source = files.read(found, whole=True) if isinstance(found, Path) else found
        if isinstance(source, str):
            return Result(None, [Wrong(source)])
        text = source.body
        compiled = self._compiler.compile(text, {**self._page_names, "content": ()})
        flaws = [
            *compiled.flaws,
            *_misplaced(compiled),
            *_without_content(compiled),
            *hidden_pictures(text),
        ]
        return Result(compiled.program, _wrong(flaws, text))


def _wrong(flaws: Sequence[Flaw], text: Text) -> list[Wrong]:
    return [Wrong(flaw.sentence, text, flaw.line) for flaw in flaws]


def _too_long(text: Text) -> Sequence[Wrong]:
    size = len(text.source.encode())
    if size <= CLIPPED_FROM:
        return ()
    return [Wrong(f"has {size / 1024:.0f} KB; {CLIPPED}", text, text.line, warning=True)]


def _without_content(compiled: Compiled) -> Sequence[Flaw]:
    if compiled.tree is None or any(name.name == "content" for name in compiled.tree.find_all(nodes.Name)):
        return ()
    return [Flaw(1, "the layout never prints {{ content }}, so every message would be empty")]


def _misplaced(compiled: Compiled) -> Sequence[Flaw]:
    """Find values where no escape makes them safe, by reading all branches of a page one after another."""
    if compiled.tree is None:
        return ()
    lines: list[int] = []
    try:
        in_html("".join(outline(compiled.tree, lines)))
    except Misplaced as error:
        return [Flaw(lines[error.number], f"a value {error.why}")]
    return ()


def outline(node: nodes.Node, lines: list[int]) -> Sequence[str]:
    """Return the author's text of all branches one after another, a placeholder for each value.

    The lines of the values are appended to `lines`.
    """
    if isinstance(node, nodes.TemplateData):
        return [node.data]
    if isinstance(node, nodes.Output):
        parts: list[str] = []
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                parts.append(child.data)
            elif isinstance(child, nodes.Name) and child.name == "content":
                parts.append(CONTENT)
            else:
                parts.append(placeholder(len(lines)))
                lines.append(child.lineno)
        return parts
    return [part for child in node.iter_child_nodes() for part in outline(child, lines)]
