"""What the store knows, as plain values with stable names for `--json`; secrets in payloads are hidden."""

from __future__ import annotations

from bridge.cli.message import json_of, payload_json
from bridge.cli.words import kind_named
from bridge.core.redact import hide_secrets
from bridge.store.deliveries import Attempt
from bridge.store.details import DeliveryDetails, EventDetails
from bridge.store.views import DeliveryRow, EventRow


def event_plain(row: EventRow) -> dict[str, object]:
    """Return an inbox entry as a listing shows it."""
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
    """Return a delivery as a listing shows it."""
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


def event_details_plain(found: EventDetails) -> dict[str, object]:
    """Return everything about an event."""
    return {
        **event_plain(found.row),
        "headers": hide_secrets(dict(found.entry.headers)),
        "body": hide_secrets(json_of(found.entry.body)),
        "deliveries": [delivery_plain(row) for row in found.deliveries],
    }


def delivery_details_plain(found: DeliveryDetails) -> dict[str, object]:
    """Return everything about a delivery."""
    return {
        **delivery_plain(found.row),
        "claim": found.claim
        and {"label": found.claim.label, "state": found.claim.state, "at": found.claim.at},
        "attempt_log": [attempt_plain(attempt) for attempt in found.attempts],
        "message": found.payload and payload_json(kind_named(found.row.action), found.payload),
    }


def attempt_plain(attempt: Attempt) -> dict[str, object]:
    """Return one attempt."""
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
