"""Makes a browser's PNG small enough for a repository: at most 256 colours, packed as tightly as zlib can.

https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

FREQUENT = 168
SPREAD = 88
"""Colours that are kept as they are, and those that stand for all others: the few pixels of an emoji."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BYTES = {2: 3, 6: 4}
"""Bytes of a pixel by colour type: red, green, blue, and perhaps how opaque it is."""


def small(png: bytes) -> bytes:
    """Return the picture with its most frequent colours; each other pixel gets the nearest of them."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    each = _BYTES[kind]
    rows = list(_rows(zlib.decompress(b"".join(_data(png))), width * each, each))
    pixels = [[row[at : at + 3] for at in range(0, len(row), each)] for row in rows]
    palette = _palette(Counter(pixel for row in pixels for pixel in row))
    index = {colour: place for place, colour in enumerate(palette)}
    for row in pixels:
        for pixel in row:
            if pixel not in index:
                index[pixel] = min(range(len(palette)), key=lambda at: _distance(palette[at], pixel))
    flat = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    return _SIGNATURE + b"".join((
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        _chunk(b"PLTE", b"".join(palette)),
        _chunk(b"IDAT", zlib.compress(flat, 9)),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _palette(seen: Counter[bytes]) -> list[bytes]:
    """Return the colours used most, and of those alike among the rest the one used most."""
    frequent = [colour for colour, _ in seen.most_common(FREQUENT)]
    alike: dict[bytes, Counter[bytes]] = {}
    for colour, count in (seen - Counter({each: seen[each] for each in frequent})).items():
        alike.setdefault(bytes(part >> 5 for part in colour), Counter())[colour] = count
    groups = sorted(alike.values(), key=lambda group: (_is_grey(group), -group.total()))
    return [*frequent, *(group.most_common(1)[0][0] for group in groups[:SPREAD])]


def _is_grey(group: Counter[bytes]) -> bool:
    colour = group.most_common(1)[0][0]
    return max(colour) - min(colour) < 24


def _data(png: bytes) -> Iterator[bytes]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            yield png[at + 8 : at + 8 + length]
        at += length + 12


def _rows(data: bytes, stride: int, each: int) -> Iterator[bytes]:
    """Yield the rows as they were before they were filtered."""
    above = bytearray(stride)
    for start in range(0, len(data), stride + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for at in range(stride):
            left = row[at - each] if at >= each else 0
            corner = above[at - each] if at >= each else 0
            row[at] = (row[at] + _predicted(kind, left, above[at], corner)) & 255
        yield bytes(row)
        above = row


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    match kind:
        case 0:
            return 0
        case 1:
            return left
        case 2:
            return up
        case 3:
            return (left + up) // 2
        case _:
            return min((left, up, corner), key=lambda near: abs(left + up - corner - near))


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
