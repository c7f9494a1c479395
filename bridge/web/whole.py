"""Reads a piece of bytes that is one whole request in the usual shape (RFC 9112), with llhttp."""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from bridge.web.limits import Limits

_HEAD_END = b"\r\n\r\n"
_VERSION = b" HTTP/1.1\r\n"
_ODD = frozenset({"transfer-encoding", "expect", "upgrade", "content-encoding", "sec-websocket-key1"})
"""Headers that no usual request has."""


class WholeReader:
    """Reads one piece after the other, of any connection; what the last one said stands in the attributes."""

    __slots__ = (
        "_body_bytes",
        "_ends",
        "_head_bytes",
        "_head_lines",
        "_lines",
        "_parser",
        "body",
        "headers",
        "keeps",
        "path",
    )

    def __init__(self, limits: Limits) -> None:
        self._head_bytes = limits.head_line_bytes
        self._head_lines = limits.head_lines
        self._body_bytes = limits.body_bytes
        self._parser = HttpRequestParser(self)
        self._ends = self._lines = 0
        self.path = b""
        self.headers: dict[str, str] = {}
        """By lower-case names; no usual request repeats one."""
        self.body = b""
        self.keeps = False
        """Whether another request may follow on the connection."""

    def read(self, piece: bytes) -> bool:
        """Return whether the piece is such a request, no more and no less, and within the limits."""
        head_end = piece.find(_HEAD_END, 0, self._head_bytes)
        size = len(piece) - head_end - len(_HEAD_END)
        if head_end < 0 or size > self._body_bytes or piece.find(_VERSION, 0, piece.find(b"\n") + 1) < 0:
            return False
        is_whole = self._parse(piece) and self._is_usual(size)
        if not (is_whole and self.keeps):
            self._parser = HttpRequestParser(self)  # this one is in the middle of something, or at its end
        return is_whole

    def on_url(self, url: bytes) -> None:
        """Take the path; a piece has it as a whole."""
        self.path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; llhttp leaves the spaces behind its value, which do not belong to it."""
        self._lines += 1
        self.headers.setdefault(
            name.decode("latin-1").lower(), value.rstrip(b" \t").decode("utf-8", "surrogateescape")
        )

    def on_body(self, body: bytes) -> None:
        """Take the body, which comes in one part unless it is chunked."""
        self.body = body

    def on_message_complete(self) -> None:
        """Count the requests in the piece."""
        self._ends += 1
        self.keeps = self._parser.should_keep_alive()

    def _parse(self, piece: bytes) -> bool:
        self._ends = self._lines = 0
        self.headers, self.body = {}, b""
        try:
            self._parser.feed_data(piece)
        except (HttpParserError, HttpParserUpgrade):
            return False
        return self._ends == 1

    def _is_usual(self, size: int) -> bool:
        announced = self.headers.get("content-length", "")
        return (
            announced.isdecimal()
            and int(announced) == size == len(self.body)
            and len(self.headers) == self._lines <= self._head_lines
            and "host" in self.headers
            and _ODD.isdisjoint(self.headers)
        )
