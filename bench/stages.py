"""What each stage between an event's bytes and its encoded payload costs, without socket, store or loop.

`python -m bench.stages`, with `--json` for other programs and `--instructions` to count instead of to time,
which takes valgrind and a minute. Rendering stands beside bare Jinja2 with the same text.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import orjson
from pydantic import SecretStr

from bench.servers import SECRET
from bridge.channels.http import Shared
from bridge.channels.webhook import WebhookChannel
from bridge.channels.webhook_options import WebhookOptions
from bridge.clock import SystemClock
from bridge.core.conditions import compile_when
from bridge.core.events import Event
from bridge.core.identity import delivery_id, entry_key, lane_key
from bridge.core.messages import Message, RenderFailure, Slot, Target
from bridge.core.routing import Router
from bridge.core.rules import Content, Rule
from bridge.pipeline.compose import together
from bridge.rendering import files
from bridge.rendering.names import first_name, proper_name
from bridge.rendering.renderer import Renderer
from bridge.sources.base import Request
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.registry import sample

RULES = 100
NOW = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)
TEMPLATES = Path(__file__).parents[1] / "templates"
WEBHOOK = {
    "event": "{{ kind }}",
    "email": "{{ learner.email }}",
    "course": "{{ course.id }}",
    "module": "{{ module.id }}",
    "at": "{{ occurred_at }}",
}
MAIL = "parabens-modulo"
SLACK = (
    ":tada: *{{ learner.name | proper_name | default('Alguém') }}* concluiu "
    "*{{ module.title | default('um módulo') }}* em {{ course.title | default('um curso') }}"
)
REPEATS, TIMES = 40, 500
COUNTED = 300


@dataclass(frozen=True, slots=True)
class Stage:
    """One thing to measure; `per_event` is how often a delivered event meets it, 0 for a comparison."""

    name: str
    work: Callable[[], object]
    per_event: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A rendering and the same text through Jinja2 alone."""

    name: str
    ours: Stage
    bare: Stage


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.stages", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--instructions", action="store_true", help="count instructions with valgrind")
    parser.add_argument("--counted", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    stages, pairs = measured()
    every = [*stages, *(stage for pair in pairs for stage in (pair.ours, pair.bare))]
    if given.counted:
        _run_marked(every)
        return
    unit = "instructions" if given.instructions else "µs"
    costs = (
        _instructions(every) if given.instructions else {each.name: _seconds(each) * 1e6 for each in every}
    )
    _print(stages, pairs, costs, unit, as_json=given.json)


def measured() -> tuple[list[Stage], list[Pair]]:
    """Return the stages in the order of an event, and the renderings to compare."""
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
    body = orjson.dumps(orjson.loads(sample("nutror.module_completed") or b"{}"))
    request = Request(source.outgoing_headers(body), body, NOW)
    parsed = source.parse(request)
    if not isinstance(parsed, tuple):
        raise SystemExit("the sample cannot be read")
    event, facts = parsed[0], parsed[0].facts()
    router = Router(_rules(event))
    if len(router.plan(event, facts).matched) != 1:
        raise SystemExit("not one rule matches")
    content = _content(Slot(Target.JSON, WEBHOOK))
    fields = _rendered(content, facts)
    channel = WebhookChannel(
        "crm",
        WebhookOptions(type="webhook", url=SecretStr("https://crm.example/")),
        Shared(SystemClock(), "bench"),
    )
    key = entry_key("eduzz", source.delivery_key(request))
    stages = [
        Stage("verify", lambda: source.verify(request), 1),
        Stage("delivery key", lambda: entry_key("eduzz", source.delivery_key(request)), 1),
        # Dispatch and delivery each read the stored bytes, which may be days and a restart apart.
        Stage("parse", lambda: source.parse(request), 2),
        Stage("facts", event.facts, 2),
        Stage(f"route over {RULES} rules", lambda: router.plan(event, facts), 1),
        Stage("delivery id and lane", lambda: _identities(key, event), 1),
        Stage("render a webhook", lambda: content.render(facts), 1),
        Stage(
            "encode", lambda: channel.encode(Message(delivery_id="d", at=NOW, fields={"json": fields}), {}), 1
        ),
    ]
    return stages, _pairs(together([facts], 1))


def _rules(event: Event) -> list[Rule]:
    wanted = event.course.id if event.course else None
    courses = [*(f"{number:040x}" for number in range(RULES - 1)), wanted]
    return [
        Rule(name=f"rule-{number}", on=(event.kind,), when=compile_when({"course.id": course}, ())[0])
        for number, course in enumerate(courses)
    ]


def _identities(key: bytes, event: Event) -> tuple[str, bytes]:
    person = event.learner.email if event.learner else None
    return delivery_id(key, NOW, 0, "rule-99", "webhook:crm", 0), lane_key(b"s" * 32, "crm", person or "")


def _content(*slots: Slot) -> Content:
    renderer = Renderer(TEMPLATES, locale="pt_BR", timezone=ZoneInfo("UTC"), monotonic=time.monotonic)
    content, problems = renderer.content({str(number): slot for number, slot in enumerate(slots)})
    if content is None:
        raise SystemExit(str(problems))
    return content


def _rendered(content: Content, facts: Mapping[str, object]) -> object:
    rendered = content.render(facts)
    if isinstance(rendered, RenderFailure):
        raise SystemExit(rendered.why)
    return rendered["0"]


def _pairs(facts: Mapping[str, object]) -> list[Pair]:
    return [
        _pair("webhook", [Slot(Target.JSON, WEBHOOK)], [*WEBHOOK.values()], facts),
        _pair("Slack", [Slot(Target.MRKDWN, SLACK)], [SLACK], facts),
        _pair("e-mail", [Slot(Target.EMAIL, MAIL)], mail_texts(MAIL), facts),
    ]


def mail_texts(name: str) -> list[str]:
    """Return the texts that an e-mail is made of: front matter, body and layout."""
    template = files.read(TEMPLATES / f"{name}.md")
    if isinstance(template, str):
        raise SystemExit(template)
    layout = (TEMPLATES / "layouts" / "default.html").read_text("utf-8")
    return [*(text.source for text in template.front.values()), template.body.source, layout]


def _pair(name: str, slots: Sequence[Slot], texts: Sequence[str], facts: Mapping[str, object]) -> Pair:
    content = _content(*slots)
    _rendered(content, facts)
    return Pair(
        name,
        Stage(f"{name}, the bridge", lambda: content.render(facts)),
        Stage(f"{name}, bare Jinja2", bare_jinja(texts, facts)),
    )


def bare_jinja(texts: Sequence[str], facts: Mapping[str, object]) -> Callable[[], object]:
    """Return what renders texts for an event through Jinja2 alone."""
    bare = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)  # it is on
    bare.filters |= {"first_name": first_name, "proper_name": proper_name}
    templates = [bare.from_string(text) for text in texts]
    around = {"lang": "pt-BR", "subject": "s", "preheader": "p", "content": "c"}
    names = {"count": 1, "items": [facts], **facts, **around}
    return lambda: [template.render(names) for template in templates]


def _seconds(stage: Stage) -> float:
    """Return the CPU time of one run: the least of many, since others can only add to it."""
    best = float("inf")
    work = stage.work
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(TIMES):
            work()
        best = min(best, time.process_time() - began)
    return best / TIMES


def _run_marked(stages: Sequence[Stage]) -> None:
    """Run each stage between two calls of `getppid`, at which callgrind writes and zeroes its counts."""
    for stage in (Stage("nothing", lambda: None), *stages):
        for _ in range(COUNTED):
            stage.work()
        os.getppid()
        for _ in range(COUNTED):
            stage.work()
        os.getppid()


def _instructions(stages: Sequence[Stage]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder:
        valgrind = ["valgrind", "-q", "--tool=callgrind", "--dump-before=getppid", "--compress-strings=no"]
        program = [sys.executable, "-m", "bench.stages", "--counted"]
        subprocess.run(  # our own program
            [*valgrind, f"--callgrind-out-file={folder}/out", *program],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        # Every second dump holds what ran between the two marks of a stage.
        empty, *counts = [_total(dump) for dump in dumps[1::2]]
    return {
        stage.name: (count - empty) / COUNTED
        for stage, count in zip(stages, counts[: len(stages)], strict=True)
    }


def _total(dump: Path) -> int:
    lines = (
        line for line in dump.read_text("utf-8").splitlines() if line.startswith(("summary:", "totals:"))
    )
    return int(next(lines).split()[1])


def _print(
    stages: Sequence[Stage], pairs: Sequence[Pair], costs: Mapping[str, float], unit: str, *, as_json: bool
) -> None:
    total = sum(costs[stage.name] * stage.per_event for stage in stages)
    ratios = {pair.name: costs[pair.ours.name] / costs[pair.bare.name] for pair in pairs}
    if as_json:
        print(json.dumps({"unit": unit, "costs": costs, "event": total, "over bare Jinja2": ratios}))
        return
    print(f"{unit} per event; a delivered event goes through some stages twice\n")
    for stage in stages:
        print(f"{stage.name:<24} {costs[stage.name]:>10,.1f}" + (" twice" if stage.per_event == 2 else ""))
    print(f"{'all of it':<24} {total:>10,.1f}\n")
    print(f"{'rendering':<24} {'bridge':>10} {'bare':>10} {'ratio':>6}")
    for pair in pairs:
        ours, bare = costs[pair.ours.name], costs[pair.bare.name]
        print(f"{pair.name:<24} {ours:>10,.1f} {bare:>10,.1f} {ratios[pair.name]:>6.2f}")


if __name__ == "__main__":
    main()
