"""Services that take webhooks in a form of their own, each a small file of data; how to read them is here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import yaml
from msgspec import Struct, field

PresetName = Literal["discord", "teams", "google_chat", "telegram", "n8n", "zapier", "make"]
NAMES: tuple[str, ...] = get_args(PresetName)
OPTIONS = ("method", "rate", "success", "success_if", "retry_if", "retry_after")
"""Options of a channel that a preset may set; what the channel says itself comes first."""
_MARK = "…"


class TextLimit(Struct, frozen=True):
    """How long a text may be, in characters as UTF-16 counts them or in bytes of UTF-8, and who says so."""

    source: str
    characters: int | None = None
    bytes: int | None = None

    @property
    def words(self) -> str:
        """The limit as it stands on the reference page."""
        return f"{self.bytes:,} bytes" if self.bytes else f"{self.characters:,} characters"

    def kept(self, text: str) -> str:
        """Return the text within the limit, with "…" where it is cut."""
        encoding = "utf-8" if self.bytes else "utf-16-le"
        most = self.bytes or 2 * (self.characters or 0)
        raw = text.encode(encoding, "replace")
        if len(raw) <= most:
            return text
        room = most - len(_MARK.encode(encoding))
        return raw[:room].decode(encoding, "ignore").rstrip() + _MARK


class Preset(Struct, frozen=True):
    """What is known of a service.

    `json` is the structure that it takes, with `{{ text }}` and the names of `needs` in the place of values;
    None for one that takes any structure. `always` is added at the top of every structure, the operator's
    own too, unless that has the key. `options` are for the channel; `docs` and `how` are for people.
    """

    name: str
    title: str
    docs: str
    how: str
    json: object = None
    always: Mapping[str, object] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    limit: TextLimit | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def structure(self, text: str, values: Mapping[str, str]) -> object:
        """Return the structure with a text in it; `values` are by the names of `needs`."""
        return _filled(self.json, {"text": text, **values})


@cache
def preset(name: str) -> Preset:
    """Return a preset; raises KeyError for a name that is none."""
    if name not in NAMES:
        raise KeyError(name)
    raw: dict[str, Any] = yaml.safe_load(
        resources.files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")
    )
    options = {key: raw.pop(key) for key in OPTIONS if key in raw}
    limit = raw.pop("limit", None)
    return Preset(name, limit=TextLimit(**limit) if limit else None, options=options, **raw)


def _filled(value: object, words: Mapping[str, str]) -> object:
    match value:
        case dict():
            return {key: _filled(item, words) for key, item in value.items()}
        case list():
            return [_filled(item, words) for item in value]
        case str() if value.startswith("{{"):
            return words[value.strip("{} ")]
        case _:
            return value
