"""The sandbox as a whole: a mailbox and stand-ins on loopback, opened and closed together."""

from __future__ import annotations

from aiohttp import web

from bridge.channels.base import Endpoints
from bridge.clock import Clock
from bridge.sandbox.arrivals import Arrivals
from bridge.sandbox.mailbox import LOOPBACK, Mailbox
from bridge.sandbox.slack import SlackStandIn
from bridge.sandbox.webhooks import WebhookStandIn

BODY_LIMIT = 4 * 1024 * 1024
GRACE_S = 1.0


class Sandbox:
    """Where every channel is redirected by `run --sandbox`: real SMTP and HTTP sockets, and no account."""

    def __init__(self, clock: Clock) -> None:
        self.arrivals = Arrivals(clock)
        self._mailbox = Mailbox(self.arrivals)
        self._webhooks = WebhookStandIn(self.arrivals)
        app = web.Application(client_max_size=BODY_LIMIT)
        app.add_routes([*SlackStandIn(self.arrivals, clock).routes(), *self._webhooks.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)

    async def open(self) -> None:
        """Listen on free loopback ports."""
        await self._mailbox.open()
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()

    async def close(self) -> None:
        """Stop listening and end every connection; what arrived is kept."""
        await self._runner.cleanup()
        await self._mailbox.close()

    def endpoints(self) -> Endpoints:
        """Return the addresses for the channels; there while the sandbox is open."""
        base = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return Endpoints(
            smtp_url=self._mailbox.url, slack_api_url=f"{base}/slack/api/", webhook_url=f"{base}/webhooks"
        )

    def trust(self, name: str, secret: str) -> None:
        """Check the signatures of the webhook channel `name` with its signing secret."""
        self._webhooks.trust(name, secret)
