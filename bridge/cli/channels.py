"""`bridge channels`: how the channels do, and letting one pause or send again."""

from __future__ import annotations

from datetime import tzinfo

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.exits import not_found
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.tables import Column, aligned, show, show_json, show_table, wrapped
from bridge.cli.text import local
from bridge.config.load import Loaded
from bridge.core.problems import did_you_mean
from bridge.store import incidents
from bridge.store.incidents import Incident
from bridge.web.standing import ChannelState, incident_plain, read_states, state_plain

COLUMNS = (
    Column("channel"),
    Column("type", 3),
    Column("state"),
    Column("waiting", 1),
    Column("rate", 4),
    Column("until", 5),
    Column("why", 2, folds=True),
)
WHAT_TO_DO = {
    "working": "it sends.",
    "held": "it works; the next message goes when its rate, or the destination, allows.",
    "paused": "its destination is down; one message is tried from time to time, and it goes on by itself.",
    "trying": "its destination was down; one message is out to see whether it is back.",
    "stopped": "it sends nothing; when the cause is mended, `bridge channels resume {}` lets it go on.",
}


def list_channels(setup: Setup, *, json: bool) -> None:
    """Print every configured channel."""
    loaded = config_to_look_at(setup, quiet=True)
    states = list(with_services(loaded, _states).values())
    if json:
        show_json([state_plain(state) for state in states])
    elif not states:
        show("there is no channel in the configuration")
    else:
        show_table(COLUMNS, [_row(state, loaded.config.timezone) for state in states])


def show_channel(setup: Setup, name: str, *, json: bool) -> None:
    """Print how one channel does."""
    loaded = _with_channel(setup, name)

    async def work(services: Services) -> tuple[ChannelState, list[Incident]]:
        troubles = await services.database.read(incidents.lasting)
        return (await _states(services))[name], [each for each in troubles if each.subject == name]

    state, troubles = with_services(loaded, work)
    if json:
        show_json({**state_plain(state), "troubles": [incident_plain(each) for each in troubles]})
        return
    zone = loaded.config.timezone
    show(f"channel {name}, {state.word}")
    show(aligned(_facts(state, zone), "  "))
    show()
    show(wrapped(WHAT_TO_DO[state.word].format(name), ""))
    for each in troubles:
        often = "once" if each.count == 1 else f"{each.count} times"
        show(wrapped(f"{each.kind} since {local(each.started_at, zone)}, {often}: {each.why}", "  "))


def pause_channel(setup: Setup, name: str, *, why: str, json: bool) -> None:
    """Let a channel send nothing."""

    async def work(services: Services) -> list[Change]:
        told = await services.operator.pause(name, why)
        return [Change(name, told.done, told.sentence)]

    acting.tell(with_services(_with_channel(setup, name), work), json=json)


def resume_channel(setup: Setup, name: str, *, json: bool) -> None:
    """Let a channel send again."""

    async def work(services: Services) -> list[Change]:
        told = await services.operator.resume(name)
        return [Change(name, told.done, told.sentence)]

    acting.tell(with_services(_with_channel(setup, name), work), json=json)


def _with_channel(setup: Setup, name: str) -> Loaded:
    """Return the configuration, which must have the channel."""
    loaded = config_to_look_at(setup, quiet=True)
    if name not in loaded.config.channels:
        raise not_found(f"there is no channel {name}{did_you_mean(name, loaded.config.channels)}")
    return loaded


async def _states(services: Services) -> dict[str, ChannelState]:
    now, config = services.clock.now(), services.loaded.config
    return await services.database.read(
        lambda connection: read_states(connection, now, config.channel_types(), config.rates())
    )


def _row(state: ChannelState, zone: tzinfo) -> list[str]:
    until = local(state.until, zone) if state.until else ""
    rate = str(state.rate or "")
    return [state.name, state.type, state.word, str(state.waiting), rate, until, state.why]


def _facts(state: ChannelState, zone: tzinfo) -> list[list[str]]:
    facts = [["type", state.type], ["rate", str(state.rate or "none")], ["waiting", str(state.waiting)]]
    moments = [["since", state.since], ["next message", state.until]]
    facts += [[str(name), local(at, zone)] for name, at in moments if at and not isinstance(at, str)]
    return [*facts, *([["why", state.why]] if state.why else [])]
