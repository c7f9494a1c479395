"""Names that come out the same on every try: delivery ids, claim keys, lanes.

All are digests (BLAKE2b, RFC 7693) of parts whose lengths are part of what is digested; a delivery's id has a
time in front. What is the same for many events is digested, or written, once.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bridge.core.events import Event

ID_SHOWN = 16
"""Characters of a delivery's id where 32 are too many: its time, and four that tell apart what has the same.

They are its beginning, which commands and pages take for the whole.
"""
_LENGTH = struct.Struct(">Q").pack
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_DELIVERY = hashlib.blake2b(digest_size=10)


def entry_key(source: str, delivery_key: str) -> bytes:
    """Return 16 bytes that stand for `(source, event id)` in the inbox."""
    made = _begun(b"", source).copy()
    made.update(_framed(delivery_key))
    return made.digest()


def delivery_id(key: bytes, received_at: datetime, event_index: int, rule: str, action: str, run: int) -> str:
    """Return a delivery's id, 32 hex characters: the same for the same event, rule, action, run.

    `key` and `received_at` are its entry's, as they are stored. In front are the milliseconds since 1970, six
    bytes as in a UUIDv7 (RFC 9562, section 5.7), so that the ids of what arrives stand side by side in every
    index; the other ten are a digest. A time before 1970 counts as 1970; six bytes reach beyond the last year
    of a datetime.
    """
    made = _DELIVERY.copy()
    made.update(_LENGTH(len(key)) + key + _number(event_index) + _names(rule, action) + _number(run))
    since = (received_at - _EPOCH) // _MILLISECOND
    return f"{max(0, since):012x}{made.hexdigest()}"


def claim_key(secret: bytes, rule: str, action: str, values: Sequence[str]) -> bytes:
    """Return 16 bytes for one value of `once_per`; keyed, so the promise outlives the erased values."""
    return _digest((rule, action, *values), secret)


def watch_key(secret: bytes, rule: str, action: str, values: Sequence[str]) -> bytes:
    """Return 16 bytes for one value of `unless: same`; keyed, as a claim is."""
    return _digest((rule, action, *values), secret)


def tally_key(secret: bytes, rule: str, values: Sequence[str]) -> bytes:
    """Return 16 bytes for what `after` counts together, or for a value of it; keyed, as a claim is."""
    return _digest(("after", rule, *values), secret)


def gathering_key(secret: bytes, names: Sequence[str], at: datetime) -> bytes:
    """Return 16 bytes for what goes out together: `names` say what and for whom, `at` is when."""
    return _digest(("together", at.astimezone(UTC).isoformat(), *names), secret)


def digest_lane(secret: bytes, channel: str, names: Sequence[str]) -> bytes:
    """Return 16 bytes for the digests of one kind and for one addressee, which keep their order."""
    return _digest(("digests", channel, *names), secret)


def lane_key(secret: bytes, channel: str, person: str) -> bytes:
    """Return 16 bytes for one person on one channel, within which deliveries keep their order."""
    made = _begun(secret, channel).copy()
    made.update(_framed(person))
    return made.digest()


def lane_of(secret: bytes, channel: str, event: Event) -> bytes | None:
    """Return the lane of an event's learner on a channel; None where the event tells of nobody."""
    person = (event.learner.email or event.learner.id) if event.learner else None
    return lane_key(secret, channel, person.casefold()) if person else None


def thread_key(secret: bytes, channel: str, place: str, values: Sequence[str]) -> bytes:
    """Return 16 bytes for one value of `thread_by` on one channel: a thread, and the lane of its messages."""
    return _digest(("thread", channel, place, *values), secret)


def edited_key(thread: bytes, rule: str, action: str) -> bytes:
    """Return 16 bytes for the one message that an action edits in place; its thread is `thread_key`'s."""
    return _digest(("edited", thread.hex(), rule, action))


def item_key(secret: bytes, *parts: str) -> bytes:
    """Return 16 bytes for something that is counted once: an event, or a value."""
    return _digest(parts, secret)


def learner_key(secret: bytes, event: Event) -> bytes | None:
    """Return 16 bytes for an event's learner, whatever is known of what they did; None without a learner."""
    person = (event.learner.email or event.learner.id) if event.learner else None
    return _digest(("learner", person.casefold()), secret) if person else None


def conversation_key(secret: bytes, channel: str, values: Sequence[str]) -> bytes:
    """Return 16 bytes for the e-mails of one channel with the same values of `thread_by`."""
    return _digest(("conversation", channel, *values), secret)


def completion_name(learner: bytes, course: str) -> str:
    """Return the id of the event that a learner has completed a course, of which there is one for ever."""
    return f"course-completed-{_digest((learner.hex(), course)).hex()}"


def _digest(parts: Iterable[str], key: bytes = b"") -> bytes:
    made = _keyed(key).copy()
    made.update(b"".join(map(_framed, parts)))
    return made.digest()


def _framed(part: str) -> bytes:
    """Return a part as its UTF-8 after its length, which takes 8 bytes."""
    data = part.encode("utf-8", "surrogatepass")
    return _LENGTH(len(data)) + data


@lru_cache(maxsize=1000)
def _names(rule: str, action: str) -> bytes:
    return _framed(rule) + _framed(action)


@lru_cache(maxsize=100)
def _number(number: int) -> bytes:
    return _framed(str(number))


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hashlib.blake2b:
    """Return a digest that holds a key and nothing else, to be copied: beginning one costs more."""
    return hashlib.blake2b(digest_size=16, key=key)


@lru_cache(maxsize=64)
def _begun(key: bytes, first: str) -> hashlib.blake2b:
    """Return a digest that holds a key and its first part, to be copied: a source, or a channel."""
    made = _keyed(key).copy()
    made.update(_framed(first))
    return made
