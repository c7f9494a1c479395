"""Explanations in plain English: the one place that has words for verdicts, findings and near misses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import assert_never

from msgspec import Struct

from bridge.core.durations import lasting
from bridge.core.fates import Fate, Held, Later, Led, Left
from bridge.core.findings import Alternatives, Evaluated, Finding, Found, Values
from bridge.core.near import Excluded, Near, Scattered
from bridge.core.near_paths import Ends
from bridge.core.near_texts import Alike, Elsewhere, Shares, Slip, TextNear
from bridge.core.near_values import Bound, Group, Sort
from bridge.core.outcomes import State
from bridge.core.problems import dotted
from bridge.core.routing import RuleExplained
from bridge.core.value_tests import written

SHOWN = 3
"""Values of an array that are shown."""
NAMES_SHOWN = 8
"""Members of an object that are named."""
NAMED = 3
"""Lines of a rule up to which a headline names each."""
_EMPTY = "an empty text"
_ID = re.compile(r"\b[0-9a-f]{32}\b", re.ASCII)


class Told(Struct, frozen=True):
    """One line of a rule in words; `depth` counts the `any:` it stands in, `hint` may be empty.

    A line that only parts the alternatives of an `any:` has neither verdict nor `wanted`.
    """

    label: str
    matched: bool | None = None
    wanted: str = ""
    found: str = ""
    hint: str = ""
    depth: int = 0


def told(findings: Iterable[Found], zone: tzinfo, depth: int = 0) -> Iterator[Told]:
    """Yield every line of a rule in words, times in `zone`."""
    for each in findings:
        match each:
            case Finding():
                hint = near_words(each.near, each) if each.near else ""
                # An event's type is name enough; its kind is what the rule asks for.
                values = each.found[:1] if each.path == "on" and each.found else each.found
                wanted = each.wanted or _EMPTY
                yield Told(each.path, each.matched, wanted, found_words(values, zone), hint, depth)
            case Evaluated():
                yield Told("if", each.matched, each.source, value_words(each), given_words(each, zone), depth)
            case Alternatives():
                yield from _told_alternatives(each, zone, depth)
            case _:
                assert_never(each)


def _told_alternatives(found: Alternatives, zone: tzinfo, depth: int) -> Iterator[Told]:
    holding = [part for part in found.parts if all(each.matched for each in part)]
    count = f"{len(found.parts)} alternatives"
    yield Told("any", found.matched, f"one of {count}", "one that holds" if holding else "none", depth=depth)
    for place, part in enumerate(holding or found.parts):
        if place:
            yield Told("or", depth=depth + 1)
        yield from told(part, zone, depth + 1)


def headline(explained: RuleExplained) -> str:
    """Return in a few words why a rule does not match; empty when it does."""
    if explained.matched:
        return ""
    on = explained.findings[0]
    if not on.matched:
        return _other_event(on, fits=explained.fits) if isinstance(on, Finding) else ""
    lines = explained.findings[1:]
    held = [_label(each) for each in lines if each.matched]
    missed = [each for each in lines if not each.matched]
    if len(lines) > 2 * NAMED or len(missed) > NAMED:
        return f"{len(missed)} of {len(lines)} conditions do{'es' if len(missed) == 1 else ''} not hold"
    if not held:
        return _missed(missed)
    verb = "matches" if len(held) == 1 else "match"
    return f"{_joined(held)} {verb}, {_missed(missed, short=True)}"


def _missed(missed: Sequence[Found], *, short: bool = False) -> str:
    only = missed[0]
    if isinstance(only, Evaluated):  # it is asked only where all the rest holds
        return "its if is false" if only.failed is None else "its if cannot be evaluated"
    verb = "does" if len(missed) == 1 else "do"
    return f"{_joined([_label(each) for each in missed])} {verb} not{'' if short else ' match'}"


def _label(found: Found) -> str:
    match found:
        case Finding(path=path):
            return path
        case Alternatives():
            return "any"
        case Evaluated():
            return "if"


def _other_event(on: Finding, *, fits: bool) -> str:
    this = on.found[-1] if on.found else ""
    rest = "; all its conditions hold" if fits else ""
    slip = f", which {near_words(on.near, on)}" if on.near else ""
    return f"is for {on.wanted}, this is {this}{slip}{rest}"


def near_words(near: Near, finding: Finding) -> str:
    """Return what a failed condition was close to."""
    match near:
        case Alike() | Slip() | Shares() | Elsewhere():
            return _text_words(near, several=" or " in finding.wanted or len(finding.found or ()) > 1)
        case Sort():
            return _sort(near)
        case Group(names=names):
            return f"is an object, so name one of its members: {_listed(names, f'{finding.path}.')}"
        case Bound():
            return _bound(near)
        case Excluded(value=value, values=values):
            return f"one of its {values} values is {written(value)}"
        case Scattered(values=values):
            return f"no single one of its {values} values passes every test"
        case Ends():
            return _ends(near)
        case _:
            assert_never(near)


def _text_words(near: TextNear, *, several: bool) -> str:
    match near:
        case Alike():
            return _alike(near, several=several)
        case Slip(wanted=wanted, differs=differs, of=of):
            whom = f"from '{wanted}' " if several else ""
            return f"differs {whom}in {differs} of {of} characters"
        case Shares(operator=operator, shared=shared, of=of):
            return f"only the {'first' if operator == 'prefix' else 'last'} {shared} of {of} characters agree"
        case Elsewhere(operator=operator, wanted=wanted):
            ends = {"prefix": "does not start with it", "suffix": "does not end with it"}
            return f"contains '{wanted}', but {ends.get(operator, 'has more; contains would match')}"
        case _:
            assert_never(near)


def _alike(near: Alike, *, several: bool) -> str:
    only = {
        "case": "upper and lower case",
        "accents": "accents or case",
        "edges": "spaces around it",
        "spaces": "spaces",
    }
    whom = f"from '{near.wanted}' " if several else ""
    mend = f"; {near.mend} would match" if near.mend else ""
    return f"differs {whom}only in {only[near.how]}{mend}"


def _sort(near: Sort) -> str:
    if near.spelled_alike and near.wanted == near.found:
        return "is the same number, but two texts are compared as text"
    if near.spelled_alike and near.wanted != "null":
        return f"looks alike, but is {near.found} and not {near.wanted}"
    return f"is {near.found}, not {near.wanted}"


def _bound(near: Bound) -> str:
    if not near.by:
        word = "lte" if near.side == "high" else "gte"
        return f"is exactly the bound, which does not count; {word} would match"
    if isinstance(near.by, timedelta):
        return f"would have matched {lasting(near.by)} {'earlier' if near.side == 'high' else 'later'}"
    return f"is {plain_number(near.by)} too {near.side}"


def _ends(near: Ends) -> str:
    if isinstance(near.step, int):
        return f"{near.at} has no element {near.step}, it is {near.stands}"
    where = near.at or "the event"
    if not near.names:
        return f"{where} has no '{near.step}', it is {near.stands}"
    guess = f", did you mean {near.meant}?" if near.meant else ""
    fits = " It would match." if near.fits else ""
    names = "" if near.fits else f"{' It' if guess else '; it'} has {_listed(near.names)}"
    return f"{where} has no '{near.step}'{guess}{fits}{names}"


def found_words(found: Values, zone: tzinfo) -> str:
    """Return what a path leads to, the first values of several."""
    if found is None:
        return "nothing there"
    if not found:
        return "an empty list"
    more = len(found) - SHOWN
    return ", ".join(_value(value, zone) for value in found[:SHOWN]) + (
        f" and {more} more" if more > 0 else ""
    )


def value_words(evaluated: Evaluated) -> str:
    """Return what an `if:` came to."""
    if evaluated.failed is not None:
        return f"an error: {evaluated.failed}"
    return "true" if evaluated.value else "false"


def given_words(evaluated: Evaluated, zone: tzinfo) -> str:
    """Return the values that an `if:` looked at."""
    return ", ".join(f"{path} is {found_words(values, zone)}" for path, values in evaluated.given)


def fate_words(fate: Fate, zone: tzinfo, shown: int = 32) -> str:
    """Return what became of an action; of a delivery's id the first `shown` characters."""
    match fate:
        case Led(delivery=delivery, state=state, until=until, into=into, why=reason):
            held = f" until {fate_words(until, zone)}" if until else ""
            whole = f", {_ID.sub(lambda found: found[0][:shown], into)}" if into else ""
            paused = ", its rule is paused" if state is State.KEPT else ""
            return f"delivery {delivery[:shown]}, {reason or state}{held}{whole}{paused}"
        case Later(at=at, why=why):
            return f"{day_and_time(at, zone)} ({why})"
        case Held(delivery=delivery, state=state, at=at, label=label):
            said = {
                "confirmed": "already sent on",
                "reserved": "under way since",
                "released": "was taken until",
            }
            return f"{said[state]} {day_and_time(at, zone)}, delivery {delivery[:shown]}, claim {label}"
        case Left(why=why):
            return why
        case _:
            assert_never(fate)


def local(moment: datetime, zone: tzinfo) -> str:
    """Return an aware time in a zone, with the zone: `2026-11-23 15:04:05 -03`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def day_and_time(moment: datetime, zone: tzinfo) -> str:
    """Return an aware time in a zone as people say it: `12 May 2026 at 14:03`."""
    there = moment.astimezone(zone)
    return f"{there.day} {there:%B %Y} at {there:%H:%M}"


def plain_number(value: Decimal) -> str:
    """Return a number in digits, without the zeros that end its fraction."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _value(value: object, zone: tzinfo) -> str:
    match value:
        case "":
            return _EMPTY
        case datetime():
            return local(value, zone)
        case Mapping():
            return "an object"
        case None | bool():
            return written(value)
        case _:
            return str(value)


def _listed(names: Sequence[str], above: str = "") -> str:
    shown = ", ".join(dotted((f"{above}{name}",)) for name in names[:NAMES_SHOWN])
    return shown + (", …" if len(names) > NAMES_SHOWN else "")


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
