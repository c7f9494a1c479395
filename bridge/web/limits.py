"""How much of a caller's data, time and mistakes a listener takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one listener; sizes in bytes, times in seconds.

    `idle_s` closes a connection that has not sent a whole request head that long after it opened or
    after its last answer. It is longer than the 60 s for which common proxies keep idle connections, so
    that they close first. `lingering_s` is how long the rest of a refused body is read and thrown away,
    so that the sender sees the answer.
    """

    body_bytes: int = MIB
    body_s: float = 15.0
    idle_s: float = 75.0
    lingering_s: float = 2.0
    head_line_bytes: int = 8190
    head_lines: int = 100
    backlog: int = 1024
    refusals: int = 30
    refusals_per_minute: float = 10.0
    remembered_addresses: int = 10_000


class RefusalLimit:
    """Counts refused requests per address, for a bounded number of addresses.

    The generic cell rate algorithm (ITU-T I.371): per address one number, the time at which all of its
    refusals are paid for. An address starts with `burst` refusals and earns `per_minute` back.
    """

    def __init__(
        self, *, burst: int, per_minute: float, addresses: int, monotonic: Callable[[], float]
    ) -> None:
        self._interval = 60.0 / per_minute
        self._allowance = self._interval * burst
        self._addresses = addresses
        self._monotonic = monotonic
        self._paid: OrderedDict[str, float] = OrderedDict()

    @property
    def any(self) -> bool:
        """Whether any address was refused lately; while there is none, callers need not be told apart."""
        return bool(self._paid)

    def wait(self, address: str) -> float:
        """Return the seconds until a refusal of this address is answered in full again; 0.0 for now."""
        paid = self._paid.get(address)
        if paid is None:
            return 0.0
        return max(0.0, paid + self._interval - self._allowance - self._monotonic())

    def count(self, address: str) -> float:
        """Count one refusal, unless there were too many already, and return `wait` as it was before."""
        wait = self.wait(address)
        if wait > 0.0:
            return wait
        self._paid[address] = max(self._paid.get(address, 0.0), self._monotonic()) + self._interval
        self._paid.move_to_end(address)
        if len(self._paid) > self._addresses:
            self._paid.popitem(last=False)
        return 0.0
