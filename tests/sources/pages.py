"""Writes the reference pages about sources: `python -m tests.sources.pages`; a test wants them fresh."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from bridge.core.events import Event
from bridge.sources.eduzz_events import EVENTS, Known
from bridge.sources.registry import OPTIONS
from tests.sources.eduzz_support import EDUZZ, body_of, request

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PRODUCT_NAMES = {
    "nutror": "Nutror",
    "alpaclass": "AlpaClass",
    "blinket": "Blinket",
    "myeduzz": "MyEduzz",
    "safevideo": "SafeVideo",
    "sun": "Sun (checkout)",
}
_MARKED = re.compile(r"(<!-- (events|options): (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fresh(page: str) -> str:
    """Return the page with every generated part written anew; what people wrote between them stays."""
    return _MARKED.sub(lambda found: found[1] + "\n" + _part(found[2], found[3]) + "\n" + found[4], page)


def _part(what: str, name: str) -> str:
    lines = _events(name) if what == "events" else _options(OPTIONS[name])
    return "\n".join(lines) + "\n"


def _events(product: str) -> Iterator[str]:
    yield f"### {PRODUCT_NAMES[product]}"
    yield ""
    yield "| `type` | `kind` | fires when | normalised parts | `occurred_at` |"
    yield "| --- | --- | --- | --- | --- |"
    for name in sorted(name for name in EVENTS if name.partition(".")[0] == product):
        known = EVENTS[name]
        cells = (f"`{name}`", _kinds(known), known.fires, _parts(name), _moment(known))
        yield f"| {' | '.join(cells)} |"


def _kinds(known: Known) -> str:
    if known.undone is None:
        return f"`{known.kind}`"
    path, opposite = known.undone
    return f"`{known.kind}`; `{opposite}` when `data.{'.'.join(map(str, path))}` is null"


def _moment(known: Known) -> str:
    return f"`data.{'.'.join(map(str, known.time))}`" if known.time else "time of sending"


def _parts(name: str) -> str:
    facts = _event(name).facts()
    parts = ((part, facts.get(part)) for part in ("learner", "producer", "course", "module", "lesson"))
    said = [f"{part} ({', '.join(value)})" for part, value in parts if isinstance(value, dict)]
    return ", ".join(said) or "none"


def _event(name: str) -> Event:
    result = EDUZZ.parse(request(body_of(name)))
    assert isinstance(result, tuple)
    return result[0]


def _options(model: type[BaseModel]) -> Iterator[str]:
    yield "| option | default | what it means |"
    yield "| --- | --- | --- |"
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            keys = ", ".join(f"`{key}`" for key in annotation.model_fields)
            yield f"| `{name}` | | {field.description} A mapping of paths: {keys}. |"
        else:
            yield f"| `{name}` | {_default(model, name)} | {field.description} |"


def _default(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None or default in ("", (), {}):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    for page in (REFERENCE / "events.md", REFERENCE / "sources.md"):
        page.write_text(fresh(page.read_text(encoding="utf-8")), encoding="utf-8")
