"""What a catch-up would send, told before anybody is asked: counts, samples, and how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from bridge.channels.base import Channel
from bridge.cli.catchup_list import count_rows, counts_plain
from bridge.cli.message import payload_lines
from bridge.cli.previews.made import PREVIEW_ID
from bridge.cli.tables import aligned, show
from bridge.cli.text import json_line, lasting, one_line
from bridge.core.messages import Payload
from bridge.core.rates import Rate
from bridge.core.rules import Rule
from bridge.pipeline.compose import compose
from bridge.pipeline.foresight import Foreseen, Sample
from bridge.web.plain import message_plain


class Outlook(Struct, frozen=True):
    """What was foreseen of a rule, at which pace it would be sent, and the samples with their messages.

    A message that cannot be made is the reason why.
    """

    foreseen: Foreseen
    rule: Rule
    rate: Rate
    samples: tuple[tuple[Sample, Payload | str], ...]

    @property
    def takes(self) -> timedelta:
        """How long the sending takes."""
        return timedelta(seconds=self.foreseen.messages * self.rate.apart.total_seconds())

    @property
    def pauses(self) -> bool:
        """Whether the rule's `pause_above` would stop it on the way."""
        return self.foreseen.messages > _most_before_pause(self.rule, self.rate)


def outlook(
    foreseen: Foreseen, rule: Rule, rate: Rate, channels: Mapping[str, Channel], now: datetime
) -> Outlook:
    """Return what would be sent, with the messages of its samples made."""
    samples = tuple((each, _made(each, channels, now)) for each in foreseen.samples)
    return Outlook(foreseen, rule, rate, samples)


def tell(seen: Outlook, *, json: bool) -> None:
    """Print it, for a person or as a line of JSON."""
    if json:
        print(json_line(_plain(seen)), flush=True)
        return
    _show_counts(seen.foreseen)
    for each, made in seen.samples:
        show(f"\n── sample, event {each.event.id}: {each.action.rule} via {each.action.channel}\n")
        show("\n".join(_lines(each, made)))
    show()
    _show_pace(seen)


def messages(foreseen: Foreseen) -> str:
    """Return how many messages that is, to how many people."""
    count, most = foreseen.messages, "at most " if foreseen.at_most else ""
    return f"{most}{count:,} message{'' if count == 1 else 's'} to {_people(foreseen)}"


def _most_before_pause(rule: Rule, rate: Rate) -> float:
    """Return how many messages a catch-up may make at a pace before `pause_above` stops the rule."""
    above = rule.pause_above
    if above is None or any(action.shadow for action in rule.actions):
        return math.inf
    return above.count if above.count * rate.apart < above.per else math.inf


def _show_counts(foreseen: Foreseen) -> None:
    show(aligned(list(count_rows(foreseen.counts, f"messages, to {_people(foreseen)}")), "  "))
    if foreseen.later:
        show(f"  {foreseen.later:,} of the messages wait for their time: delay or quiet hours")
    if foreseen.at_most:
        show("  that is the most it can be: a rule with `after`, or more people than are told apart")


def _show_pace(seen: Outlook) -> None:
    if not seen.foreseen.messages:
        show("Nothing would be sent.")
        return
    show(
        f"At {seen.rate} that takes {lasting(seen.takes)}. "
        "The running bridge must know the rule: `bridge reload` says so."
    )
    if seen.pauses:
        show(
            "At that pace the rule's `pause_above` pauses it, and the messages are kept; "
            "choose a slower --rate."
        )


def _plain(seen: Outlook) -> dict[str, object]:
    return {
        "foreseen": counts_plain(seen.foreseen.counts),
        "later": seen.foreseen.later,
        "people": seen.foreseen.people,
        "at_most": seen.foreseen.at_most,
        "takes_s": seen.takes,
        "pauses": seen.pauses,
        "samples": [_sample_plain(each, made) for each, made in seen.samples],
    }


def _made(each: Sample, channels: Mapping[str, Channel], now: datetime) -> Payload | str:
    made = compose(
        action=each.action,
        channel=channels[each.action.channel],
        facts=each.event.facts(),
        delivery_id=PREVIEW_ID,
        at=now,
    )
    return made if isinstance(made, Payload) else made.why


def _lines(each: Sample, made: Payload | str) -> Iterator[str]:
    if isinstance(made, str):
        yield f"cannot be made: {one_line(made)}"
    else:
        yield from payload_lines(each.action.name, made)


def _sample_plain(each: Sample, made: Payload | str) -> dict[str, object]:
    base: dict[str, object] = {"event": each.event.id, "action": each.action.name}
    if isinstance(made, str):
        return {**base, "error": made}
    return {**base, "error": None, **message_plain(each.action.name, made)}


def _people(foreseen: Foreseen) -> str:
    return "1 person" if foreseen.people == 1 else f"{foreseen.people:,} people"
