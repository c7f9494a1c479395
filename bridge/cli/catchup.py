"""`bridge catchup RULE`: what a rule would send for stored events, then that, at a pace."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import typer

from bridge.bootstrap import Services, build_channels
from bridge.channels.http import Shared
from bridge.cli import acting
from bridge.cli.app_catchup import Order
from bridge.cli.catchup_foreseen import messages, outlook, tell
from bridge.cli.catchup_list import catchup_plain, count_rows, find, next_step
from bridge.cli.exits import ExitCode, Failure, misused
from bridge.cli.explain import named_rules
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import aligned, show
from bridge.cli.text import json_line
from bridge.config.load import Loaded
from bridge.core.catchups import EVENTS, MADE
from bridge.core.rates import EXPECTED, Rate, parse_rate
from bridge.core.rules import Rule
from bridge.pipeline.catchup import CatchupTaken, Runner
from bridge.pipeline.foresight import Foreseen, Foresight
from bridge.store import catchups
from bridge.store.catchups import Catchup, Span


def start(setup: Setup, order: Order) -> None:
    """Say what would be sent, ask, and send it at a pace."""
    rate = _rate(order.rate)
    loaded = config_to_look_at(setup)
    (rule,) = named_rules(loaded, order.rule)

    async def work(services: Services) -> None:
        span = await _span(services, loaded, order)
        foreseen = await _foresee(services, rule, span)
        channels = build_channels(loaded, Shared(services.clock, "bridge"))
        tell(outlook(foreseen, rule, rate, channels, services.clock.now()), json=order.json)
        if order.dry_run or not foreseen.messages:
            return
        acting.confirm(f"Send {messages(foreseen)} at {rate}?", foreseen.messages, yes=order.yes)
        now = services.clock.now()
        seq = await services.database.write(lambda c: catchups.begin(c, rule.name, span, str(rate), now=now))
        await _run(services, Runner(services.node, services.sources, rule, channels, rate), seq, order.json)

    with_services(loaded, work)


def resume(setup: Setup, number: int | None, *, json: bool) -> None:
    """Go on with a catch-up where it was."""
    loaded = config_to_look_at(setup)

    async def work(services: Services) -> None:
        job = await find(services, number, lambda row: row.state != "done")
        rule = _rule_of(loaded, job)
        channels = build_channels(loaded, Shared(services.clock, "bridge"))
        runner = Runner(services.node, services.sources, rule, channels, _rate(job.rate))
        await _run(services, runner, job.seq, json)

    with_services(loaded, work)


def _rule_of(loaded: Loaded, job: Catchup) -> Rule:
    """Return the rule that it is about, whatever that is called now."""
    named = next((rule for rule in loaded.rules if job.rule in rule.was), None)
    return named or named_rules(loaded, job.rule)[0]


async def _span(services: Services, loaded: Loaded, order: Order) -> Span:
    now, zone = services.clock.now(), loaded.config.timezone
    since = order.since.resolve(now, zone)
    until = order.until.resolve(now, zone) if order.until else now + timedelta(microseconds=1)
    if since >= until:
        raise misused("--until is not after --since")
    last = await services.database.read(catchups.last_entry)
    return Span(since=since, until=until, last_seq=last)


async def _foresee(services: Services, rule: Rule, span: Span) -> Foreseen:
    total = await services.database.read(lambda c: catchups.count_entries(c, span))
    with _bar("looking at stored events", total) as advance:
        return await Foresight(services.node, services.sources, rule).foresee(span, advance)


async def _run(services: Services, runner: Runner, seq: int, json: bool) -> None:
    job = await services.database.read(lambda c: catchups.find(c, seq))
    if job is None:
        raise Failure(f"there is no catch-up {seq}")
    left = await services.database.read(lambda c: catchups.count_entries(c, job.span, job.cursor))
    done = job.counts.get(EVENTS, 0)
    with _bar(f"catch-up {seq} of {job.rule}", done + left, hidden=json) as advance:
        advance(done)

        def progress(now: Catchup) -> None:
            nonlocal done
            advance(now.counts.get(EVENTS, 0) - done, f"{now.counts.get(MADE, 0):,} messages")
            done = now.counts.get(EVENTS, 0)
            if json:
                print(json_line(catchup_plain(now, services.clock.now())), flush=True)

        try:
            ended = await runner.run(seq, progress)
        except asyncio.CancelledError:
            say(f"catch-up {seq} is stopped; what it has made is sent, `bridge catchup resume {seq}` goes on")
            raise
        except CatchupTaken:
            raise Failure(
                f"another process is at catch-up {seq}, or it is done", "`bridge catchup list` says which"
            ) from None
    await _tell_end(services, seq, json=json)
    if ended == "stopped":
        raise typer.Exit(ExitCode.PROBLEMS)


async def _tell_end(services: Services, seq: int, *, json: bool) -> None:
    job = await services.database.read(lambda c: catchups.find(c, seq))
    if job is None or json:
        return
    now = services.clock.now()
    show(f"catch-up {seq} of {job.rule}, {job.word(now)}")
    show(aligned(list(count_rows(job.counts, "messages made; a running bridge sends them")), "  "))
    if job.state != "done":
        show(next_step(job, now))


def _rate(text: str) -> Rate:
    rate = parse_rate(text)
    if rate is None:
        raise misused(f"'{text}' is no rate; expected {EXPECTED}")
    return rate


Advance = Callable[..., None]


@contextmanager
def _bar(title: str, total: int, *, hidden: bool = False) -> Iterator[Advance]:
    """Show a bar on a terminal; yields what moves it on by so many, with a word beside it."""
    if hidden or not sys.stderr.isatty():
        yield lambda _count, _word="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[word]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, word="")
        yield lambda count, word="": bar.update(task, advance=count, word=word)
