"""The admin pages of a running bridge: at one address as long as it runs, of the configuration at work."""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bridge.config.reception import Reception
from bridge.pipeline.node import Node
from bridge.pipeline.operate import Operator
from bridge.pipeline.unsubscribing import Suppressor
from bridge.running.exchange import Work
from bridge.sources.own import OwnSource
from bridge.web.configuration import Configuration
from bridge.web.counting import Counting
from bridge.web.listener import Listener, listen
from bridge.web.stage import Stage

if TYPE_CHECKING:
    from bridge.sandbox.sandbox import Sandbox
    from bridge.web.desk import Desk


class Follows(Protocol):
    """Who knows which configuration runs: `bridge.running.following.Follower`."""

    @property
    def configuration(self) -> Configuration:
        """Which one runs, and what is wrong with the file as it is now."""
        ...

    async def reload(self) -> Configuration:
        """Load the files now; returns what came of it."""
        ...


class Admin:
    """The admin listener, of the configuration that the bridge was started with where it says no more."""

    def __init__(
        self, first: Reception, node: Node, counting: Counting, sandbox: Sandbox | None = None
    ) -> None:
        self._first = first
        self._node = node
        self._counting = counting
        self._sandbox = sandbox
        self._password = _password(first)
        self._listener: Listener | None = None
        self._stage = Stage()

    @property
    def url(self) -> str:
        """The address of the pages; empty before they are shown."""
        return self._listener.url if self._listener else ""

    async def show(self, work: Work | None, follows: Follows) -> None:
        """Serve the pages of a configuration instead of those of the one before."""
        from bridge.web.admin import admin_app

        address = self._first.listen.admin
        config = work.loaded.config if work else self._first
        if config.listen.admin == address:  # else it was checked for another address
            self._password = _password(config)
        await self._stage.show(admin_app(self._desk(config, work, follows), password=self._password))
        if self._listener is None:
            stage, log = self._stage, self._node.log
            self._listener = await listen(stage.app, address.host, address.port, log=log, lead=stage.lead)

    async def close(self) -> None:
        """Let requests under way finish, and close."""
        if self._listener is not None:
            await self._listener.close()
        await self._stage.close()

    def _desk(self, config: Reception, work: Work | None, follows: Follows) -> Desk:
        from bridge.config.rule_sentences import RuleSentences
        from bridge.web.desk import Desk

        node, rules = self._node, work.loaded.rules if work else ()
        return Desk(
            store=node.database,
            operator=work.services.operator if work else Operator(node),
            clock=node.clock,
            log=node.log,
            ready=lambda: node.database.writable,
            zone=config.timezone,
            answered=self._counting.answered,
            sources=(*config.sources, OwnSource.name),
            channels=work.loaded.config.channel_types() if work else {},
            rates=work.loaded.config.rates() if work else {},
            rules=tuple(rule.name for rule in rules),
            formers={rule.name: rule.was for rule in rules if rule.was},
            sentences=RuleSentences(work.loaded) if work else {},
            locale=config.locale,
            explainer=work.services.explainer if work else None,
            suppressor=Suppressor(node),
            mailbox=self._sandbox.arrivals if self._sandbox else None,
            configuration=lambda: follows.configuration,
            reload=follows.reload,
        )


def _password(config: Reception) -> str | None:
    return config.admin_password.get_secret_value() if config.admin_password else None
