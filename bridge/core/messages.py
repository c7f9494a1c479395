"""What travels from a rule's action to a channel: what to render, what was rendered, what is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

ANCHOR = "anchor"
"""Under this name a payload's `meta` has, at send time alone, what the message continues."""


class Target(StrEnum):
    """Where a rendered value lands; decides how values from events are escaped."""

    PLAIN = "plain"
    """As it is: the text of a webhook."""
    HEADER = "header"
    """One line of an e-mail or HTTP header: line breaks and control characters become spaces."""
    MRKDWN = "mrkdwn"
    """Slack's mrkdwn: `&`, `<`, `>` and formatting characters of a value lose their meaning."""
    URL = "url"
    """A whole URL: each value is percent-encoded as one component."""
    JSON = "json"
    """A structure whose text leaves are templates; a leaf that is one expression keeps its type."""
    EMAIL = "email"
    """A template file, or inline Markdown, rendered to `Document` with HTML and text."""
    CHAT = "chat"
    """Text of a chat by webhook, inline or a template file rendered to `Document` with text."""
    SLACK = "slack"
    """A template file rendered to `Document` with mrkdwn."""
    FILE = "file"
    """The name of a file to go with the message, given as `Attachment`; no template."""
    CERTIFICATE = "certificate"
    """The name of a template file of which a PDF is made, given as `Attachment`."""


class Slot(Struct, frozen=True):
    """One thing of an action that must be rendered, at `path` below the action in the configuration.

    `source` is template text, a JSON structure for `Target.JSON`, and for `Target.EMAIL`,
    `Target.SLACK` and `Target.CERTIFICATE` the name of a template file, or with `inline` the Markdown itself.
    """

    target: Target
    source: object
    path: tuple[str | int, ...] = ()
    inline: bool = False


CLIPPED_FROM = 102 * 1024
"""Bytes of an e-mail's HTML from which on Gmail shows a part of it only."""
CLIPPED = f"Gmail shows the first {CLIPPED_FROM // 1024} KB of an e-mail's HTML, and a link to the rest"
UNSUBSCRIBE_NAME = "unsubscribe_url"
"""The name by which a layout prints the address at which one unsubscribes; only some messages have it."""
UNSUBSCRIBE_HERE = "https://unsubscribe.invalid/here"
"""Stands for that address until the channel knows who gets the message; a name of nobody (RFC 2606)."""


class Runs(Struct, frozen=True):
    """A text in runs: `shared` is what all messages of a template say, `own` what stands between, of one.

    `shared` is the very same object each time, and has one piece more: it begins and ends the text.
    """

    shared: tuple[str, ...]
    own: tuple[str, ...]

    def __str__(self) -> str:
        """Return the whole text."""
        runs = [""] * (2 * len(self.own) + 1)
        runs[::2] = self.shared
        runs[1::2] = self.own
        return "".join(runs)

    def __len__(self) -> int:
        """Return how many characters it has."""
        return sum(map(len, self.shared)) + sum(map(len, self.own))

    @property
    def is_blank(self) -> bool:
        """Whether nobody would see anything."""
        return not (any(map(str.strip, self.shared)) or any(map(str.strip, self.own)))


class Document(Struct, frozen=True):
    """A rendered template file. `front` holds the rendered front matter (`subject`, `preheader`).

    `lang` is the language it is written in, as in BCP 47, or empty. `blocks` are Slack's, in whose stead
    notifications show `mrkdwn`; `places` says of each JSON pointer below the message which line of which file
    it comes from, as `templates/NAME.json:12`. An e-mail's parts stand in runs.
    """

    front: Mapping[str, str] = field(default_factory=dict)
    html: str | Runs = ""
    text: str | Runs = ""
    mrkdwn: str = ""
    lang: str = ""
    blocks: tuple[object, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message: its name for the reader, its media type, and its bytes in base64.

    The lines of `encoded` have 76 characters and end with CRLF (RFC 2045, section 6.8).
    """

    name: str
    type: str
    encoded: bytes = dataclasses.field(repr=False)


class Message(Struct, frozen=True, kw_only=True):
    """What a template rendered for one action.

    `fields` are by slot name, each a str, a `Document` or a JSON structure. `thread` names the conversation
    that it belongs to, if any. `unsubscribe` returns the address at which a recipient unsubscribes; messages
    that nobody can unsubscribe from have none.
    """

    delivery_id: str
    at: datetime
    fields: Mapping[str, object]
    thread: str = ""
    unsubscribe: Callable[[str], str] | None = None


RECIPIENTS, TAKEN, PURPOSE = "recipients", "taken", "purpose"
"""Names in the `meta` of a payload."""


class Payload(Struct, frozen=True, kw_only=True):
    """The exact bytes of every attempt, with what the channel must know beside them (never a secret).

    `meta` holds under `recipients` the addresses of people that it is still for, if it is for addresses,
    under `taken` those that have it already, if it went to some only, and under `purpose` what it is for,
    unless that is transactional.
    `cuts` says in plain words what was shortened to the vendor's limits.
    """

    body: bytes
    meta: Mapping[str, object] = field(default_factory=dict)
    cuts: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses of people that it is still for."""
        return _addresses(self.meta.get(RECIPIENTS))

    @property
    def taken(self) -> tuple[str, ...]:
        """The addresses that have it, where others are still to get it."""
        return _addresses(self.meta.get(TAKEN))


def _addresses(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


class RenderFailure(Struct, frozen=True):
    """A template that failed at run time: which file or setting, which line (1-based, if known), and why."""

    where: str
    line: int | None
    why: str
