"""Reads a piece of bytes that is one whole request in the usual shape (RFC 9112), with llhttp.

llhttp says whether the piece is a request at all. It lets no line end pass but CRLF, and no line that goes
on with the one before. So the lines of a head are names, colons and values, which are taken apart here, and
those that come again and again only once: one sender's requests differ in a single value, the signature, and
without that value a whole head is known again. Then llhttp need not be asked: what it let pass it lets pass
with any value of printable ASCII, where the header is none that it goes by itself.
"""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from msgspec import Struct

from bridge.web.limits import Limits

_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"
_VERSION = b" HTTP/1.1"
_LENGTH = "content-length"
_ODD = frozenset({"transfer-encoding", "expect", "upgrade", "content-encoding", "sec-websocket-key1"})
"""Headers that no usual request has."""
_TELLING = frozenset({_LENGTH, "connection", "proxy-connection"})
"""Headers whose values say, of a usual request, where it ends or what follows it."""
REMEMBERED_LINES, REMEMBERED_BYTES = 500, 200
"""How many lines are remembered until all are forgotten, and how long one may be."""
REMEMBERED_HEADS, REMEMBERED_HEAD_BYTES = 300, 1000
"""The same of heads."""


_Around = tuple[bytes, bytes, bytes]
"""A head without the value that differs: what is before its line, how that begins, what is behind."""


class _Head(Struct, frozen=True):
    """What a usual head says, and which of its headers differs from request to request."""

    path: str
    headers: dict[str, str]
    fresh: str
    size: int
    """Of the body."""
    keeps: bool


class WholeReader:
    """Reads one piece after the other, of any connection; what the last one said stands in the attributes."""

    __slots__ = (
        "_body_bytes",
        "_ends",
        "_fresh",
        "_head_bytes",
        "_head_lines",
        "_pair",
        "_parser",
        "body",
        "headers",
        "heads",
        "keeps",
        "pairs",
        "path",
    )

    def __init__(self, limits: Limits) -> None:
        self._head_bytes = limits.head_line_bytes
        self._head_lines = limits.head_lines
        self._body_bytes = limits.body_bytes
        self._parser = HttpRequestParser(self)
        self.pairs = _Lines()
        self._pair = self.pairs.__getitem__
        self.heads: dict[_Around, _Head] = {}
        self._fresh = _HEAD_END
        """How the line begins that differs from request to request, and the end of the one before it."""
        self._ends = 0
        self.path = ""
        self.headers: dict[str, str] = {}
        """By lower-case names; no usual request repeats one."""
        self.body = b""
        self.keeps = False
        """Whether another request may follow on the connection."""

    def read(self, piece: bytes) -> bool:
        """Return whether the piece is such a request, no more and no less, and within the limits."""
        head_end = piece.find(_HEAD_END, 0, self._head_bytes)
        body_at = head_end + len(_HEAD_END)
        size = len(piece) - body_at
        if head_end < 0 or size > self._body_bytes:
            return False
        head = piece[:head_end]
        if not (self._is_known(head, size) or self._is_whole(piece, head, size)):
            return False
        self.body = piece[body_at:]
        return True

    def _is_known(self, head: bytes, size: int) -> bool:
        """Return whether the head has come before, with another value in one of its lines."""
        before, fresh, after = head.partition(self._fresh)
        value, _, behind = after.partition(_LINE_END)
        known = self.heads.get((before, fresh, behind))
        if known is None or known.size != size:
            return False
        text = value.strip(b" \t").decode("latin-1")
        if not (text.isascii() and text.isprintable()):
            return False
        self.path, self.keeps = known.path, known.keeps
        self.headers = {**known.headers, known.fresh: text}
        return True

    def _is_whole(self, piece: bytes, head: bytes, size: int) -> bool:
        is_whole = self._is_request(piece) and self._is_usual(head, size)
        if is_whole:
            self._remember(head, size)
        if not (is_whole and self.keeps):
            self._parser = HttpRequestParser(self)  # this one is in the middle of something, or at its end
        return is_whole

    def on_message_complete(self) -> None:
        """Count the requests in the piece."""
        self._ends += 1
        self.keeps = self._parser.should_keep_alive()

    def _is_request(self, piece: bytes) -> bool:
        self._ends = 0
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade):
            return False
        return self._ends == 1

    def _is_usual(self, head: bytes, size: int) -> bool:
        first, *lines = head.split(_LINE_END)
        self.path = first[first.find(b" ") + 1 : -len(_VERSION)].decode("latin-1")
        headers = self.headers = dict(map(self._pair, lines))
        self._fresh = self.pairs.fresh
        return (
            headers.get(_LENGTH) == str(size)
            and len(headers) == len(lines) <= self._head_lines
            and "host" in headers
            and _ODD.isdisjoint(headers)
            and first.endswith(_VERSION)
        )

    def _remember(self, head: bytes, size: int) -> None:
        name = _name(self._fresh.strip(b"\r\n:"))
        before, fresh, after = head.partition(self._fresh)
        _, _, behind = after.partition(_LINE_END)
        around = (before, fresh, behind)
        if not fresh or name in _TELLING or sum(map(len, around)) > REMEMBERED_HEAD_BYTES:
            return
        if len(self.heads) == REMEMBERED_HEADS:
            self.heads.clear()
        self.heads[around] = _Head(self.path, self.headers, name, size, self.keeps)


class _Lines(dict[bytes, tuple[str, str]]):
    """The name and the value in a line of a head; those of the latest lines are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.fresh = _HEAD_END
        """How the latest line that was not known begins, after the end of the line before."""

    def __missing__(self, line: bytes) -> tuple[str, str]:
        pair = _pair(line)
        self.fresh = _LINE_END + line[: line.find(b":") + 1]
        if len(line) <= REMEMBERED_BYTES:
            if len(self) == REMEMBERED_LINES:
                self.clear()
            self[line] = pair
        return pair


def _pair(line: bytes) -> tuple[str, str]:
    name, _, value = line.partition(b":")
    return _name(name), _value(value)


def _name(written: bytes) -> str:
    return written.decode("latin-1").lower()


def _value(written: bytes) -> str:
    return written.strip(b" \t").decode("utf-8", "surrogateescape")
