"""Whether a text is what is left of the last good one: a file that is saved halfway may be good YAML."""

from __future__ import annotations

import re

_RULES = re.compile(rb"^[\"']?(?:rules|include)[\"']?[ \t]*:", re.MULTILINE)


def cut_off(text: bytes, good: bytes) -> str | None:
    """Return the sentence that says so; `good` is the last good text."""
    if good != text and good.startswith(text) and not text.endswith(b"\n"):
        return "the file ends in the middle of a line; save it whole, and with a line break at its end"
    if _RULES.search(good) and not _RULES.search(text):
        return "there are no `rules:` any more; if nothing is to be sent, write `rules: []`"
    return None
