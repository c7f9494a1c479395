"""What the store knows, as plain values with stable names for the API; secrets in payloads are hidden.

The names are those of `--json` on the command line.
"""

from __future__ import annotations

from typing import Any

from bridge.core.explanations import rule_plain
from bridge.core.messages import Payload
from bridge.core.mrkdwn import plain
from bridge.core.redact import hide_secrets
from bridge.pipeline.explaining import Explanation
from bridge.pipeline.fates import EventExplained
from bridge.store.claims import ClaimRow
from bridge.store.deliveries import Attempt
from bridge.store.details import DeliveryDetails, EventDetails
from bridge.store.views import DeliveryRow, EventRow
from bridge.web.shown import body_value, shown_message


def event_plain(row: EventRow) -> dict[str, object]:
    """Return an event as a list shows it."""
    return {
        "seq": row.seq,
        "id": row.event_id or row.delivery_key,
        "source": row.source,
        "type": row.type,
        "kind": row.kind,
        "state": row.state,
        "run": row.run,
        "test": row.test,
        "learner": row.learner,
        "received_at": row.received_at,
        "occurred_at": row.occurred_at,
        "finished_at": row.finished_at,
        "replayed_at": row.replayed_at,
        "why": row.why,
        "summary": row.summary,
    }


def delivery_plain(row: DeliveryRow) -> dict[str, object]:
    """Return a delivery as a list shows it."""
    return {
        "id": row.id,
        "seq": row.seq,
        "event": row.inbox_seq,
        "type": row.type,
        "source": row.source,
        "learner": row.learner,
        "rule": row.rule,
        "action": row.action,
        "channel": row.channel,
        "state": str(row.state),
        "run": row.run,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "due_at": row.due_at,
        "expires_at": row.expires_at,
        "reference": row.reference,
        "why": row.why,
    }


def claim_plain(row: ClaimRow) -> dict[str, object]:
    """Return a claim as a list shows it; `delivery_state` is null once the delivery was pruned."""
    return {
        "delivery": row.delivery_id,
        "rule": row.rule,
        "action": row.action,
        "label": row.label,
        "state": row.state,
        "at": row.at,
        "delivery_state": None if row.delivery is None else str(row.delivery),
        "under_way": row.kept,
    }


def event_details_plain(found: EventDetails) -> dict[str, object]:
    """Return everything about an event."""
    return {
        **event_plain(found.row),
        "headers": hide_secrets(dict(found.entry.headers)),
        "body": body_value(found.entry.body),
        "deliveries": [delivery_plain(row) for row in found.deliveries],
    }


def explanation_plain(made: Explanation, seq: int) -> dict[str, Any]:
    """Return the explanation of a stored event."""
    return {
        "event": seq,
        "basis": made.basis,
        "rules_changed": made.changed,
        "notes": list(made.notes),
        "events": [explained_plain(each) for each in made.events],
    }


def explained_plain(explained: EventExplained) -> dict[str, Any]:
    """Return one event of a request with every rule's verdict, the likely intended one first."""
    event = explained.event
    return {
        "id": event.id,
        "type": event.type,
        "kind": event.kind,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "test": event.test,
        "rules": [rule_plain(each, explained.fates) for each in explained.rules],
    }


def delivery_details_plain(found: DeliveryDetails) -> dict[str, object]:
    """Return everything about a delivery."""
    claim = found.claim
    return {
        **delivery_plain(found.row),
        "items": [delivery_plain(row) for row in found.items],
        "item_count": found.item_count,
        "message_of": found.head,
        "claim": claim and {"label": claim.label, "state": claim.state, "at": claim.at},
        "attempt_log": [_attempt(attempt) for attempt in found.attempts],
        "message": found.payload and message_plain(found.row.action, found.payload),
    }


def _attempt(attempt: Attempt) -> dict[str, object]:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "duration_ms": attempt.duration_ms,
        "outcome": attempt.outcome,
        "reason": None if attempt.reason is None else str(attempt.reason),
        "status": attempt.status,
        "answer": attempt.answer,
        "trigger": attempt.trigger,
    }


def message_plain(action: str, payload: Payload) -> dict[str, object]:
    """Return the message of an action, as its reader sees it."""
    shown = shown_message(action, payload)
    base: dict[str, object] = {"meta": hide_secrets(payload.meta), "cuts": list(payload.cuts)}
    if shown.mail is not None:
        headers = {name.lower(): value for name, value in shown.mail.headers}
        files = [{"name": file.name, "type": file.type, "bytes": file.size} for file in shown.mail.files]
        return {
            **base,
            "headers": headers,
            "text": shown.mail.text,
            "html": shown.mail.html,
            "files": files,
        }
    if shown.chat is not None:
        text = "\n\n".join(map(plain, shown.chat.paragraphs))
        return {**base, "text": text, "body": body_value(payload.body)}
    return {**base, "body": body_value(payload.body)}
