"""A store with one of everything the admin pages show, written by the store's own functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import Connection

from bridge.core.identity import delivery_id, entry_key
from bridge.core.messages import Payload
from bridge.core.outcomes import Reason, State
from bridge.store import claiming, inbox, memory, outbox
from bridge.store.deliveries import Attempt, Due, NewDelivery
from bridge.store.entries import EntryFacts, Lease, NewEntry
from tests.support.stored import finish_entry

MINUTE = timedelta(minutes=1)
LEASE = "stock"
KINDS = {"learners": "email", "wins": "slack", "crm": "webhook"}
RULE = "parabens-modulo"
SENTENCES = {
    "pt_BR": "Quando um aluno conclui um módulo, chamamos o webhook crm.",
    "en": "When a learner finishes a module, we call the webhook crm.",
}
SECRET = "0f9d-a-secret-nobody-may-see"
Say = Callable[[str], str]
HTML = """
<body style="margin:0;background:#eef1f6;font-family:sans-serif">
<table role="presentation" width="100%"><tr><td align="center" style="padding:32px">
<table style="max-width:520px;background:#fff;border-radius:12px"><tr><td style="padding:32px">
<h1 style="margin:0 0 12px;color:#1c2230">Parabéns, Maria!</h1>
<p>Você concluiu o módulo <b>SAID</b>.</p>
<p><a href="https://escola.example/proximo" style="color:#2456d3;padding:12px">Próximo módulo</a></p>
</td></tr></table>
</td></tr></table>
</body>"""


@dataclass(frozen=True)
class Stock:
    """What was stored: event numbers and delivery ids by what became of them."""

    events: dict[str, int]
    deliveries: dict[str, str]


def stock(connection: Connection, now: datetime, say: Say = str) -> Stock:
    """Store it all; `say` may turn every text a stranger chose into something worse."""
    events = {
        "done": _event(connection, now - 50 * MINUTE, say, "1"),
        "parked": _event(connection, now - 40 * MINUTE, say, "2", park=say("the body is not JSON")),
        "failed": _event(connection, now - 30 * MINUTE, say, "3", failed=True),
        "new": _event(connection, now - 3 * MINUTE, say, "4", claim=False),
    }
    made = _Deliveries(connection, events["done"], now, say)
    deliveries = {
        "mail": made.deliver("learners", _mail(say)),
        "slack": made.deliver("wins", _slack(say)),
        "webhook": made.die(
            "crm", json.dumps({"email": say("maria@aluna.example"), "course": "4bba1d"}).encode()
        ),
        "parked": made.park("learners", say("templates/parabens.md:7: 'modul' is undefined")),
        "expired": made.expire("wins", "not sent by 2026-05-04T12:00:00+00:00"),
        "withheld": made.enqueue("wins", state=State.WITHHELD, why="the platform's own test event").id,
        "retrying": made.retry("crm"),
        "pending": made.enqueue("learners").id,
    }
    return Stock(events, deliveries)


def die_early(connection: Connection, entry: int, now: datetime) -> str:
    """Store one more delivery, rejected before it had a message, and return its id."""
    made = _Deliveries(connection, entry, now, str, count=20)
    return made.die("crm", None)


def body(say: Say = str) -> bytes:
    """Return an event's body with a secret inside."""
    learner = {"name": say("Maria Conceição"), "email": say("maria@aluna.example")}
    producer = {"name": say("Escola Exemplo"), "originSecret": SECRET}
    data = {
        "learner": learner,
        "producer": producer,
        "module": {"id": "3251", "title": say("Módulo 1: Primeiros passos")},
    }
    return json.dumps({"id": say("evt"), "event": "nutror.module_completed", "data": data}).encode()


def _event(
    connection: Connection,
    at: datetime,
    say: Say,
    name: str,
    *,
    park: str | None = None,
    failed: bool = False,
    claim: bool = True,
) -> int:
    new = NewEntry(
        source=say("eduzz"),
        key=entry_key("eduzz", f"clx{name}4pklutdkh2ii7s7008qfy"),
        delivery_key=say(f"clx{name}4pklutdkh2ii7s7008qfy"),
        headers={
            "x-subscription": say("lk354pklutdkh2ii7s7008qfy:nutror.module_completed"),
            "x-token": SECRET,
        },
        body=body(say) if park is None else b"{not JSON " + say("<").encode(),
        received_at=at,
    )
    seq = inbox.accept(connection, new).seq
    if not claim:
        return seq
    inbox.claim(connection, now=at, lease_until=at + MINUTE, lease=LEASE, limit=1)
    if park is not None:
        inbox.park(connection, seq, lease=LEASE, now=at, why=park)
        return seq
    facts = EntryFacts(
        event_id=say(f"clx{name}4pklutdkh2ii7s7008qfy"),
        type=say("nutror.module_completed"),
        kind=say("module.completed"),
        occurred_at=at - MINUTE,
        learner_email=say("maria@aluna.example"),
        test=failed,
    )
    finish_entry(connection, seq, lease=LEASE, now=at, facts=facts, summary=_summary(say, failed=failed))
    return seq


def _summary(say: Say, *, failed: bool) -> dict[str, object]:
    note = {
        "rule": say(RULE),
        "action": say("slack:wins"),
        "why": say("once_per: already sent as delivery " + "12ab" * 8),
    }
    if failed:
        return {"matched": [], "failed": [{**note, "why": say("'modul' is undefined")}], "deliveries": 0}
    return {"matched": [say(RULE), say("avisa-crm")], "skipped": [note], "deliveries": 8}


class _Deliveries:
    """Makes deliveries of one entry, each brought to one state."""

    def __init__(self, connection: Connection, entry: int, now: datetime, say: Say, count: int = 0) -> None:
        self._connection = connection
        self._entry = entry
        self._now = now
        self._say = say
        self._count = count

    def enqueue(self, channel: str, **changes: object) -> NewDelivery:
        self._count += 1
        action = f"{KINDS[channel]}:{self._say(channel)}"
        at = self._now - (30 - self._count) * MINUTE
        values: dict[str, object] = {
            "id": delivery_id(b"entry", at, self._count, RULE, action, 1),
            "entry_seq": self._entry,
            "event_index": 0,
            "run": 1,
            "rule": self._say(RULE),
            "action": action,
            "channel": self._say(channel),
            "created_at": at,
            "due_at": at,
            "expires_at": at + timedelta(hours=48),
        }
        new = NewDelivery(**{**values, **changes})  # type: ignore[arg-type]
        assert outbox.enqueue(self._connection, new)
        return new

    def deliver(self, channel: str, payload: Payload) -> str:
        due = self._claim(channel)
        key = bytes(15) + bytes([self._count])
        label = self._say("learner.email=maria@aluna.example, module.id=3251")
        memory.reserve(
            self._connection,
            key=key,
            rule=RULE,
            action=due.action,
            label=label,
            delivery_id=due.id,
            now=self._now,
        )
        claiming.store_payload(self._connection, due.seq, lease=LEASE, payload=payload)
        attempt = self._attempt(
            1, outcome="delivered", status=200, answer=self._say("2.0.0 Ok: queued as 4Zx")
        )
        reference = self._say("1747310400.000100")
        outbox.record(
            self._connection,
            due.seq,
            lease=LEASE,
            attempt=attempt,
            state=State.DELIVERED,
            reference=reference,
        )
        return due.id

    def die(self, channel: str, content: bytes | None) -> str:
        due = self._claim(channel)
        if content is not None:
            claiming.store_payload(self._connection, due.seq, lease=LEASE, payload=Payload(body=content))
        attempt = self._attempt(
            1,
            outcome="rejected",
            reason=Reason.CLIENT,
            status=422,
            answer=self._say('{"error":"no such field"}'),
        )
        outbox.record(self._connection, due.seq, lease=LEASE, attempt=attempt, state=State.DEAD)
        return due.id

    def retry(self, channel: str) -> str:
        due = self._claim(channel)
        attempt = self._attempt(
            1, outcome="retry", reason=Reason.RATE_LIMITED, status=429, answer=self._say("slow down")
        )
        outbox.record(
            self._connection,
            due.seq,
            lease=LEASE,
            attempt=attempt,
            state=State.PENDING,
            due_at=self._now + MINUTE,
        )
        return due.id

    def park(self, channel: str, why: str) -> str:
        due = self._claim(channel)
        outbox.park(self._connection, due.seq, lease=LEASE, now=self._now, why=why)
        return due.id

    def expire(self, channel: str, why: str) -> str:
        due = self._claim(channel)
        outbox.expire(self._connection, due.seq, lease=LEASE, now=self._now, why=why)
        return due.id

    def _claim(self, channel: str) -> Due:
        new = self.enqueue(channel)
        (due,) = claiming.claim_due(
            self._connection,
            channel=new.channel,
            now=self._now,
            lease=Lease(LEASE, self._now + MINUTE),
            limit=1,
        )
        assert due.id == new.id
        return due

    def _attempt(self, number: int, **values: object) -> Attempt:
        at = self._now - 10 * MINUTE
        return Attempt(**{"number": number, "started_at": at, "duration_ms": 640 * number, **values})  # type: ignore[arg-type]


def mail(say: Say = str) -> bytes:
    """Return an e-mail as the e-mail channel sends it."""
    message = EmailMessage()
    message["From"] = "Escola Exemplo <ola@escola.example>"
    message["To"] = "maria@aluna.example"
    message["Subject"] = say("Parabéns, Maria! Você concluiu o Módulo 1 🎉")
    message["Message-ID"] = "<0f12@escola.example>"
    message.set_content(say("Oi, Maria!\n\nVocê concluiu o módulo *Primeiros passos*. Continue assim.\n"))
    message.add_alternative(HTML.replace("SAID", say("Primeiros passos")), subtype="html")
    return message.as_bytes()


def _mail(say: Say) -> Payload:
    return Payload(
        body=mail(say), meta={"to": "maria@aluna.example"}, cuts=(say("subject cut to 78 characters"),)
    )


def _slack(say: Say) -> Payload:
    text = say(":tada: *Maria Conceição* concluiu *<https://escola.example/m/1|Primeiros passos>*")
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": say("_Python Básico_ · 1 de 3 módulos · `3251`")}],
        },
    ]
    return Payload(body=json.dumps({"channel": "#conquistas", "text": text, "blocks": blocks}).encode())
