"""What the rules make of one event, as text: every condition, every near miss, every action."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from msgspec import Struct

from bridge.cli.tables import USUAL_WIDTH, aligned
from bridge.cli.text import local, one_line
from bridge.config.load import Loaded
from bridge.config.rule_sentences import RuleSentences
from bridge.core.events import Event, Person, Progress, Thing
from bridge.core.fates import Later, Led, sent_instead
from bridge.core.identity import ID_SHOWN
from bridge.core.messages import RenderFailure
from bridge.core.routing import ActionExplained, RuleExplained
from bridge.core.rules import Action, kind_of
from bridge.core.telling import Told, fate_words, given_words, headline, told, value_words
from bridge.pipeline.explaining import Then
from bridge.pipeline.fates import EventExplained

WIDTH = 160
"""Characters of a value that are shown."""
IN_FULL = 5
"""Rules that do not match and are shown with every condition; of the others the headline does."""


class Account(Struct, frozen=True):
    """An event explained, by the rules of then or of now; all that do not match in full, if `every`."""

    loaded: Loaded
    explained: EventExplained
    basis: Then = "now"
    every: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the explanation."""
        event = self.explained.event
        yield aligned(list(_event(event, self._zone)), "  ")
        if event.test and not self.loaded.config.deliver_tests:
            yield "  It is the platform's own test event: nothing is sent unless deliver_tests is true."
        named = [rule for rule in self.explained.rules if rule.named]
        full = len(named) if self.every else sum(rule.matched for rule in named) + IN_FULL
        sentences = RuleSentences(self.loaded)
        for rule in named[:full]:
            yield ""
            yield from self._rule(rule, sentences)
        yield from _headlines("Rules that are further away", named[full:])
        yield from _headlines("Rules for other events", [r for r in self.explained.rules if not r.named])

    def template(self, rule: str, action: str) -> str | None:
        """Return the name of the template file that an action of today renders, if it is one."""
        place = next(index for index, each in enumerate(self.loaded.rules) if each.name == rule)
        names = [each.name for each in self.loaded.rules[place].actions]
        template = getattr(self.loaded.config.rules[place].send[names.index(action)], "template", None)
        return template if isinstance(template, str) else None

    @property
    def _zone(self) -> tzinfo:
        return self.loaded.config.timezone

    def _rule(self, rule: RuleExplained, sentences: RuleSentences) -> Iterator[str]:
        yield f"✓ {rule.rule}" if rule.matched else f"✗ {rule.rule}: {one_line(headline(rule))}"
        if self.basis == "now":
            yield from _wrapped(sentences.one(rule.rule), " " * 4, hanging="")
        for line in told(rule.findings, self._zone):
            yield from _condition(line)
        if rule.matched:
            yield "    would send" if self.basis == "now" else "    led to"
            for each in rule.actions:
                yield from _wrapped(self._action(rule.rule, each), " " * 6)
                for name, fate in sent_instead(self.explained.fates, rule.rule, each.action).items():
                    yield from _wrapped(f"else {name}: {fate_words(fate, self._zone, ID_SHOWN)}", " " * 8)

    def _action(self, rule: str, explained: ActionExplained) -> str:
        kind, condition = kind_of(explained.action), explained.condition
        what = f"{kind} via {explained.channel}"
        if condition is not None and not explained.wanted:
            given = given_words(condition, self._zone)
            said = f"if {condition.source} is {value_words(condition)}"
            return one_line(f"not {what}: {said}{f' ({given})' if given else ''}")
        fate = self.explained.fates.get((rule, explained.action))
        if isinstance(fate, Led):
            return f"{what}: {fate_words(fate, self._zone, ID_SHOWN)}"
        if isinstance(fate, Later):
            return f"{self._wish(rule, explained)}, on {fate_words(fate, self._zone)}"
        if fate is not None:
            return one_line(f"not {what}: {fate_words(fate, self._zone, ID_SHOWN)}")
        return what if self.basis == "then" else self._wish(rule, explained)

    def _wish(self, rule: str, explained: ActionExplained) -> str:
        template = self.template(rule, explained.action)
        named = f" (template {template})" if template else ""
        to = self._addressee(self._known(rule, explained.action))
        return f"{kind_of(explained.action)}{to} via {explained.channel}{named}"

    def _known(self, rule: str, name: str) -> Action:
        actions = (action for each in self.loaded.rules if each.name == rule for action in each.actions)
        return next(action for action in actions if action.name == name)

    def _addressee(self, action: Action) -> str:
        rendered = action.content.render(self.explained.facts)
        if isinstance(rendered, RenderFailure):
            line = f":{rendered.line}" if rendered.line else ""
            return f", which cannot be made ({rendered.where}{line}: {one_line(rendered.why)}),"
        to = [str(value) for slot, value in rendered.items() if slot.partition(".")[0] == "to" and value]
        return f" to {one_line(', '.join(to))}" if to else ""


def _condition(line: Told) -> Iterator[str]:
    """Yield a condition on one line, or with wanted and found below each other where they are long."""
    indent = " " * (4 + 4 * line.depth)
    if line.matched is None:
        yield f"{indent}{line.label}"
        return
    mark = "✓" if line.matched else "✗"
    wanted, found = one_line(line.wanted, WIDTH), one_line(line.found, WIDTH)
    whole = f"{indent}{mark} {line.label}: wanted {wanted}, found {found}"
    if len(whole) <= USUAL_WIDTH:
        yield whole
    else:
        yield f"{indent}{mark} {line.label}:"
        yield f"{indent}    wanted {wanted}"
        yield f"{indent}    found  {found}"
    if line.hint:
        yield from _wrapped(one_line(line.hint, 3 * WIDTH), f"{indent}    ")


def _headlines(heading: str, rules: Sequence[RuleExplained]) -> Iterator[str]:
    if rules:
        yield ""
        yield heading
        for rule in rules:
            yield from _wrapped(f"✗ {rule.rule}: {one_line(headline(rule))}", "  ", hanging="    ")


def _wrapped(text: str, indent: str, hanging: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        USUAL_WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _event(event: Event, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield "kind", one_line(event.kind)
    yield "id", one_line(event.id)
    yield "when", local(event.occurred_at, zone)
    for label, person in (("learner", event.learner), ("producer", event.producer)):
        if person is not None:
            yield label, _person(person)
    for label, thing in (("course", event.course), ("module", event.module), ("lesson", event.lesson)):
        if thing is not None:
            yield label, _thing(thing)
    if event.progress is not None:
        yield "progress", _progress(event.progress, last=event.last_module)


def _progress(progress: Progress, *, last: bool | None) -> str:
    words = f"{progress.done} of {progress.total} modules ({progress.percent} %)"
    return f"{words}, this is the last in order" if last else words


def _person(person: Person) -> str:
    parts = (person.name, f"<{person.email}>" if person.email else None)
    return one_line(" ".join(part for part in parts if part) or f"id {person.id}")


def _thing(thing: Thing) -> str:
    parts = (thing.title, f"({thing.id})" if thing.id else None)
    return one_line(" ".join(part for part in parts if part))
