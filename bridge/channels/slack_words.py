"""What Slack says of a message that it does not understand, as the place in the template; and its silence."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping

PLACES = "places"
"""The name in a payload's `meta` of the places in a file, by JSON pointer."""
_POINTER = re.compile(r"\s*\[json-pointer:(?P<pointer>[^\]\s]*)\]")
_LEVEL = re.compile(r"^\[(?:ERROR|WARN)\]\s*")
_MOST = 5


def blamed(data: Mapping[str, object], places: object) -> str:
    """Return what is wrong with which line, by the `response_metadata` of an answer; empty if it has none.

    `places` are of the payload; of several complaints about one place the last is the most exact one.
    """
    known = places if isinstance(places, Mapping) else {}
    found: dict[str, str] = {}
    for complaint in _complaints(data):
        pointer = _POINTER.search(complaint)
        sentence = _POINTER.sub("", _LEVEL.sub("", complaint)).strip()
        found[_place(pointer["pointer"], known) if pointer else ""] = sentence
    return "; ".join(f"{place}: {sentence}" if place else sentence for place, sentence in found.items())


def _complaints(data: Mapping[str, object]) -> Iterator[str]:
    about = data.get("response_metadata")
    messages = about.get("messages") if isinstance(about, dict) else None
    for message in messages[:_MOST] if isinstance(messages, list) else ():
        if isinstance(message, str):
            yield message


def _place(pointer: str, known: Mapping[object, object]) -> str:
    """Return the line of the nearest place that is known, or the pointer itself."""
    nearest = pointer
    while nearest and nearest not in known:
        nearest = nearest.rpartition("/")[0]
    return str(known[nearest]) if nearest else pointer


def silent() -> logging.Logger:
    """Return a logger that is heard nowhere: slack-sdk writes addresses and messages to its own."""
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
