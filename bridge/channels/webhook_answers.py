"""What the answer of a webhook's receiver means where the channel says more about it than HTTP does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from bridge.channels.answers import LONGEST_WAIT, Answer, outcome_of
from bridge.channels.wire import ANSWER_BYTES, Reply
from bridge.core.conditions import Condition, compile_when
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Reason, Rejected, Retry
from bridge.core.paths import FactPath, parse_path

_ROOT = "data"
"""Under this name conditions find the answer, whose paths are written without it."""


class Judgement(Struct, frozen=True):
    """What counts as taken: statuses, and conditions on an answer in JSON. Empty for what HTTP says.

    `retry_after` leads to the seconds to wait.
    """

    success: Sequence[range] = ()
    success_if: Condition | None = None
    retry_if: Condition | None = None
    retry_after: FactPath | None = None

    @property
    def reads(self) -> bool:
        """Whether it needs the answer's body."""
        return any(each is not None for each in (self.success_if, self.retry_if, self.retry_after))

    def outcome(self, answer: Answer, reply: Reply, now: datetime) -> Outcome:
        """Return what an answer means; `reply` is the same as it came."""
        parsed = _parsed(reply.body) if self.reads else None
        facts = {_ROOT: parsed}
        taken = self._is_taken(answer.status)
        found = self._by_status(answer, now, taken=taken)
        if self.retry_if is not None and self.retry_if.matches(facts):
            found = Retry(Reason.SERVER, answer.status, answer.text, getattr(found, "after", None))
        elif (
            isinstance(found, Delivered)
            and self.success_if is not None
            and not self.success_if.matches(facts)
        ):
            found = _not_as_said(answer, reply, unread=parsed is None)
        if isinstance(found, Retry) and found.after is None:
            return Retry(found.reason, found.status, found.answer, self._wait(facts))
        return found

    def _is_taken(self, status: int) -> bool:
        return any(status in each for each in self.success) if self.success else 200 <= status < 300

    @staticmethod
    def _by_status(answer: Answer, now: datetime, *, taken: bool) -> Outcome:
        if taken:
            return Delivered(answer.status, answer.text)
        if 200 <= answer.status < 300:
            said = f"the status {answer.status} is none of `success`: {answer.text}"
            return Rejected(Reason.CLIENT, answer.status, said)
        return outcome_of(answer, now)

    def _wait(self, facts: Mapping[str, object]) -> timedelta | None:
        text = self.retry_after.one(facts) if self.retry_after is not None else None
        try:
            seconds = float(text) if text is not None else -1.0
        except ValueError:
            return None
        return min(timedelta(seconds=seconds), LONGEST_WAIT) if 0 <= seconds < 1e9 else None


def _not_as_said(answer: Answer, reply: Reply, *, unread: bool) -> Retry | Rejected:
    """Return the outcome of an answer on which `success_if` does not hold; it may not be there in full."""
    if unread and len(reply.body) >= ANSWER_BYTES:
        why = f"the answer is longer than {ANSWER_BYTES // 1024} KiB, so `success_if` cannot be judged"
        return Rejected(Reason.CLIENT, answer.status, why)
    if unread and not reply.whole:
        why = "the answer broke off, so `success_if` cannot be judged"
        return Retry(Reason.CONNECTION, answer.status, f"{why}: {answer.text}")
    return Rejected(
        Reason.CLIENT, answer.status, f"the answer is not as `success_if` says: {answer.text}"[:ANSWER_LIMIT]
    )


def statuses(text: str) -> range:
    """Return the statuses of `200-299` or `409`; raises ValueError with a sentence for anything else."""
    first, dash, last = text.strip().partition("-")
    numbers = [first, last if dash else first]
    if not all(each.isascii() and each.isdigit() and len(each) == 3 for each in numbers):
        raise ValueError(f"expected a status such as 409, or several such as 200-299, not '{text}'")
    low, high = map(int, numbers)
    if not 200 <= low <= high <= 599:
        raise ValueError(f"expected statuses from 200 to 599, the lower one first, not '{text}'")
    if low < 400 and high >= 300:
        raise ValueError("redirects (300 to 399) are never followed and are no success")
    return range(low, high + 1)


def condition(when: object) -> Condition:
    """Compile conditions on an answer, in the words of `when:`; raises ValueError with a sentence."""
    compiled, problems = compile_when(_below(when), ())
    if problems:
        raise ValueError(problems[0].sentence.replace(f"{_ROOT}.", ""))
    return compiled


def path_in_answer(text: str) -> FactPath:
    """Return a path into an answer; raises ValueError with a sentence."""
    found = parse_path(f"{_ROOT}.{text}")
    if isinstance(found, str):
        raise ValueError(found.replace(f"{_ROOT}.", ""))  # noqa: TRY004 - pydantic's word for a wrong value
    return found


def _below(when: object) -> object:
    """Return conditions with every path below the name under which they find the answer."""
    if isinstance(when, list):
        return [_below(each) for each in when]
    if not isinstance(when, dict):
        return when
    return {
        (key if key in ("any", "all") else f"{_ROOT}.{key}"): _below(item) if key in ("any", "all") else item
        for key, item in when.items()
    }


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
