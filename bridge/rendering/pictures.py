"""Pictures that mail programs would not show, or leave a hole for, found in a template as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bridge.rendering.check import Flaw
from bridge.rendering.program import Text

_MARKDOWN = re.compile(r"!\[(?P<alt>[^\]\n]*)\]\(\s*<?(?P<address>[^\s)>]*)")
_TAG = re.compile(r"""<img\b(?P<inside>(?:"[^"]*"|'[^']*'|[^'">])*)>""", re.IGNORECASE)
_ALT = re.compile(r"""\balt\s*=\s*["']""", re.IGNORECASE)
_ADDRESS = re.compile(r"""\bsrc\s*=\s*["']\s*(?P<address>[^\s"']*)""", re.IGNORECASE)
_SPOKEN = re.compile(r"`[^`\n]*`|\{#.*?#\}", re.DOTALL)
_WITHOUT_WORDS = (
    "a picture has no words, and mail programs show those until pictures are allowed; write {}, "
    'such as "Logotipo da escola"'
)
_NOT_SHOWN = "mail programs show no picture from '{}'; its address must begin with https://"


def hidden_pictures(text: Text) -> Iterator[Flaw]:
    """Yield a flaw for each picture of Markdown or HTML without words, or with an address that is not https.

    An address that begins with a value of the event is judged when the message is made.
    """
    source = _SPOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text.source)
    for found in _MARKDOWN.finditer(source):
        line = text.line + source.count("\n", 0, found.start())
        if not found["alt"].strip():
            yield Flaw(line, _WITHOUT_WORDS.format("them in its brackets"))
        yield from _address(found["address"], line)
    for found in _TAG.finditer(source):
        line = text.line + source.count("\n", 0, found.start())
        if not _ALT.search(found["inside"]):
            yield Flaw(line, _WITHOUT_WORDS.format('alt="…", or alt="" for mere decoration'))
        address = _ADDRESS.search(found["inside"])
        yield from _address(address["address"] if address else "", line)


def _address(address: str, line: int) -> Iterator[Flaw]:
    if not address.startswith("{") and not address.lower().startswith("https://"):
        yield Flaw(line, _NOT_SHOWN.format(address))
