"""`bridge rules`: where the rules stand, pausing one, and deciding about what a paused one has kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import tzinfo

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.exits import not_found
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.tables import Column, aligned, show, show_json, show_table, wrapped
from bridge.cli.text import local, so_many
from bridge.config.load import Loaded
from bridge.config.rule_sentences import RuleSentences
from bridge.core.halts import Halt, RuleState
from bridge.core.problems import did_you_mean
from bridge.pipeline.told import Told
from bridge.store import halts
from bridge.web.standing import halt_plain

COLUMNS = (
    Column("rule"),
    Column("state"),
    Column("kept", 1),
    Column("since", 3),
    Column("why", 2, folds=True),
)
WHAT_TO_DO = {
    Halt.WORKING: "it sends what it makes.",
    Halt.PAUSED: "what it makes is kept; `bridge rules resume {0}` sends all of it, "
    "`bridge rules discard {0}` gives all of it up.",
    Halt.RESUMING: "what was kept goes out; stopped half-way, `bridge rules resume {0}` goes on.",
    Halt.DISCARDING: "what was kept is given up; stopped half-way, `bridge rules discard {0}` goes on.",
}


def list_rules(setup: Setup, states: Sequence[Halt], *, json: bool) -> None:
    """Print every configured rule, and those that are paused and no longer configured."""
    loaded = config_to_look_at(setup, quiet=True)
    names = [rule.name for rule in loaded.rules]
    found = with_services(loaded, lambda services: _states(services, names)).values()
    chosen = [state for state in found if not states or state.halt in states]
    if json:
        show_json([halt_plain(state) for state in chosen])
    elif not chosen:
        show("no rule matches" if names else "there is no rule in the configuration")
    else:
        show_table(COLUMNS, [_row(state, loaded.config.timezone) for state in chosen])


def show_rule(setup: Setup, name: str, *, json: bool) -> None:
    """Print where one rule stands, and what it does."""
    loaded = config_to_look_at(setup, quiet=True)

    async def work(services: Services) -> RuleState:
        return await _known(services, loaded, name)

    state, sentences = with_services(loaded, work), RuleSentences(loaded)
    if json:
        show_json({**halt_plain(state), "sentence": sentences.get(name)})
        return
    show(f"rule {name}, {state.halt}")
    facts = [["kept", str(state.kept)]]
    facts += [["since", local(state.since, loaded.config.timezone)]] if state.since else []
    show(aligned([*facts, *([["why", state.why]] if state.why else [])], "  "))
    show()
    show(wrapped(WHAT_TO_DO[state.halt].format(name), ""))
    if name in sentences:
        show()
        show(wrapped(sentences.one(name), ""))


def pause_rule(setup: Setup, name: str, *, why: str, json: bool) -> None:
    """Keep what a rule makes until a person decides."""
    _act(setup, name, lambda services: services.operator.pause_rule(name, why), json=json)


def resume_rule(setup: Setup, name: str, *, json: bool) -> None:
    """Let a rule work again and send what was kept."""
    _act(setup, name, lambda services: services.operator.resume_rule(name), json=json)


def discard_rule(setup: Setup, name: str, *, yes: bool, json: bool) -> None:
    """Let a rule work again and give up what was kept."""

    async def discard(services: Services) -> Told:
        kept = (await _states(services, [name]))[name].kept
        acting.confirm(f"Give up {so_many(kept, 'delivery')} of the rule {name} for good?", kept, yes=yes)
        return await services.operator.discard_rule(name)

    _act(setup, name, discard, json=json)


def _act(setup: Setup, name: str, act: Callable[[Services], Awaitable[Told]], *, json: bool) -> None:
    loaded = config_to_look_at(setup, quiet=True)

    async def work(services: Services) -> list[Change]:
        await _known(services, loaded, name)
        told = await act(services)
        return [Change(name, told.done, told.sentence)]

    acting.tell(with_services(loaded, work), json=json)


async def _known(services: Services, loaded: Loaded, name: str) -> RuleState:
    """Return where a rule stands that is configured, or paused and no longer configured."""
    names = [rule.name for rule in loaded.rules]
    found = await _states(services, names)
    if name not in found:
        raise not_found(f"there is no rule {name}{did_you_mean(name, found)}")
    return found[name]


async def _states(services: Services, names: Sequence[str]) -> dict[str, RuleState]:
    return await services.database.read(lambda connection: halts.states(connection, names))


def _row(state: RuleState, zone: tzinfo) -> list[str]:
    since = local(state.since, zone) if state.since else ""
    return [state.rule, state.halt, str(state.kept), since, state.why]
