"""One event and what the rules make of it, as text: every condition, every near miss, every action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from bridge.cli.history import ID_SHOWN
from bridge.cli.near import near_miss
from bridge.cli.tables import aligned
from bridge.cli.taken import Taken, Wish, wish
from bridge.cli.text import local, one_line
from bridge.config.load import Loaded
from bridge.core.conditions import Finding
from bridge.core.events import Event, Facts, Person, Thing
from bridge.core.messages import RenderFailure
from bridge.core.routing import ActionExplained, Router, RuleExplained
from bridge.core.rules import Action, Rule, kind_of

SHOWN = 3
"""Values of an array that are shown."""
WIDTH = 80
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Story:
    """An event, its facts, the rules it is explained against, and what `once_per` has taken before."""

    loaded: Loaded
    event: Event
    facts: Facts
    rules: tuple[Rule, ...]
    taken: Mapping[tuple[str, str, str], Taken] = field(default_factory=dict)

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """What the wanted actions would claim."""
        wanted = Router(self.rules).plan(self.event, self.facts).wanted
        found = (wish(each.action, self.event, self.facts) for each in wanted)
        return tuple(each for each in found if isinstance(each, Wish))

    @property
    def verdicts(self) -> tuple[RuleExplained, ...]:
        """Every rule's verdict, matching ones first."""
        return Router(self.rules).explain(self.event, self.facts)

    def lines(self) -> Iterator[str]:
        """Yield the explanation."""
        yield aligned(list(_event(self.event, self.loaded.config.timezone)), "  ")
        if self.event.test and not self.loaded.config.deliver_tests:
            yield "  It is the platform's own test event: nothing is sent unless deliver_tests is true."
        for verdict in self.verdicts:
            yield ""
            yield from self._rule(verdict)

    def action(self, rule: str, name: str) -> Action:
        """Return an action by the names of its rule and its own."""
        actions = (action for known in self.rules if known.name == rule for action in known.actions)
        return next(action for action in actions if action.name == name)

    def template(self, action: Action) -> str | None:
        """Return the name of the template file that an action renders, if it is one."""
        place = next(index for index, rule in enumerate(self.loaded.rules) if rule.name == action.rule)
        names = [each.name for each in self.loaded.rules[place].actions]
        template = getattr(self.loaded.config.rules[place].send[names.index(action.name)], "template", None)
        return template if isinstance(template, str) else None

    def held(self, action: Action) -> Taken | str | None:
        """Return why `once_per` forbids an action on this event: who has it, or which value is missing."""
        claim = wish(action, self.event, self.facts)
        return self.taken.get((action.rule, action.name, claim.label)) if isinstance(claim, Wish) else claim

    def _rule(self, verdict: RuleExplained) -> Iterator[str]:
        on = verdict.findings[0]
        if not on.matched:
            yield f"✗ {verdict.rule}: on {on.wanted}"
            return
        yield f"✓ {verdict.rule}" if verdict.matched else f"✗ {verdict.rule}: {_missed(verdict)}"
        for finding in verdict.findings:
            yield from self._finding(finding)
        if verdict.matched:
            yield "    would send"
            yield from (f"      {self._action(verdict.rule, each)}" for each in verdict.actions)

    def _finding(self, finding: Finding) -> Iterator[str]:
        mark = "✓" if finding.matched else "✗"
        found = _found(finding, self.loaded.config.timezone)
        yield f"    {mark} {finding.path}: wanted {one_line(finding.wanted, WIDTH * 2)}, found {found}"
        hint = near_miss(finding, self.facts)
        if hint:
            yield f"        {one_line(hint, WIDTH * 3)}"

    def _action(self, rule: str, explained: ActionExplained) -> str:
        action = self.action(rule, explained.action)
        kind, condition = kind_of(action.name), explained.condition
        if condition is not None and not explained.wanted:
            said = _found(condition, self.loaded.config.timezone)
            return f"not {kind} via {explained.channel}: if {condition.wanted} is {said}"
        held = self.held(action)
        if isinstance(held, str):
            return f"not {kind} via {explained.channel}: {held}"
        if held is not None:
            by = f"{held.delivery[:ID_SHOWN]} ({held.state})"
            return f"not {kind} via {explained.channel}: not sent again: once_per is taken by {by}"
        template = self.template(action)
        named = f" (template {template})" if template else ""
        return f"{kind}{self._addressee(action)} via {explained.channel}{named}"

    def _addressee(self, action: Action) -> str:
        rendered = action.content.render(self.facts)
        if isinstance(rendered, RenderFailure):
            line = f":{rendered.line}" if rendered.line else ""
            return f", which cannot be made ({rendered.where}{line}: {one_line(rendered.why)}),"
        to = [str(value) for slot, value in rendered.items() if slot.partition(".")[0] == "to" and value]
        return f" to {one_line(', '.join(to))}" if to else ""


def _missed(verdict: RuleExplained) -> str:
    missed = sum(not finding.matched for finding in verdict.findings)
    return f"{missed} of {len(verdict.findings)} conditions {'does' if missed == 1 else 'do'} not hold"


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


def _found(finding: Finding, zone: tzinfo) -> str:
    if finding.found is None:
        return "nothing there"
    if not finding.found:
        return "an empty list"
    values = [_value(value, zone) for value in finding.found[:SHOWN]]
    more = len(finding.found) - SHOWN
    return ", ".join(values) + (f" and {more} more" if more > 0 else "")


def _value(value: object, zone: tzinfo) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case "":
            return "an empty text"
        case datetime():
            return local(value, zone)
        case Mapping():
            return "an object"
        case _:
            return one_line(str(value), WIDTH)


def _person(person: Person) -> str:
    parts = (person.name, f"<{person.email}>" if person.email else None)
    return one_line(" ".join(part for part in parts if part) or f"id {person.id}")


def _thing(thing: Thing) -> str:
    parts = (thing.title, f"({thing.id})" if thing.id else None)
    return one_line(" ".join(part for part in parts if part))
