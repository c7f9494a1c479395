"""How much of a caller's data, time and mistakes a listener takes."""

from __future__ import annotations

import resource
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct, field

MIB = 1024 * 1024
RESERVED_FILES = 128
"""Open files that are kept for the store, for deliveries and for everything else."""
FEWEST_CONNECTIONS, MOST_CONNECTIONS = 16, 4096


def affordable_connections() -> int:
    """Return how many connections a listener of this process may have, for its limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else share_of(files)


def share_of(files: int) -> int:
    """Return how many connections each of two listeners may have; a connection is an open file."""
    return min(max((files - RESERVED_FILES) // 2, FEWEST_CONNECTIONS), MOST_CONNECTIONS)


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of one listener; sizes in bytes, times in seconds.

    `head_s` closes a connection that has not sent a whole request head that long after it opened, and
    `idle_s` one that sent none after its last answer. That is longer than the 60 s for which common
    proxies keep idle connections, so that they close first. Of more than `connections`, the one that waits
    longest for its sender is closed. `unfinished_bytes` is how much is kept of all bodies together that are
    still on their way. `lingering_s` is how long the rest of a refused body is read and thrown away, so that
    the sender sees the answer. `backlog` connections wait in the kernel; `accepted_at_once` of them are
    taken in a row.
    """

    body_bytes: int = MIB
    body_s: float = 15.0
    unfinished_bytes: int = 64 * MIB
    head_s: float = 15.0
    idle_s: float = 75.0
    lingering_s: float = 2.0
    head_line_bytes: int = 8190
    head_lines: int = 100
    backlog: int = 1024
    accepted_at_once: int = 16
    connections: int = field(default_factory=affordable_connections)
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
