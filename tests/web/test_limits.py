"""The count of refusals per address."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.web.limits import RefusalLimit
from tests.support.clock import FakeClock


def _limit(clock: FakeClock, *, burst: int = 3, per_minute: float = 6, addresses: int = 5) -> RefusalLimit:
    return RefusalLimit(burst=burst, per_minute=per_minute, addresses=addresses, monotonic=clock.monotonic)


def test_an_address_nobody_counted_waits_for_nothing() -> None:
    """Asking counts nothing."""
    limit = _limit(FakeClock())
    assert [limit.wait("a") for _ in range(9)] == [0.0] * 9


def test_addresses_do_not_pay_for_each_other() -> None:
    """One address at its limit leaves the others theirs."""
    limit = _limit(FakeClock())
    assert [limit.count("a") > 0 for _ in range(5)] == [False, False, False, True, True]
    assert limit.count("b") == 0.0


def test_memory_is_bounded_and_forgets_the_longest_silent() -> None:
    """However many addresses knock, only so many are remembered."""
    limit = _limit(FakeClock(), burst=1, addresses=5)
    for number in range(1000):
        limit.count(str(number))
    assert [limit.wait(str(number)) > 0 for number in (0, 994, 995, 999)] == [False, False, True, True]


@given(gaps=st.lists(st.floats(0, 30), max_size=80), burst=st.integers(1, 10))
def test_never_more_than_the_burst_and_what_was_earned(gaps: list[float], burst: int) -> None:
    """Over any span, full answers are at most the burst plus the rate times the span."""
    clock = FakeClock()
    limit = _limit(clock, burst=burst, per_minute=6)
    full = 0
    for gap in gaps:
        clock.advance(seconds=gap)
        full += limit.count("a") == 0.0
    assert full <= burst + clock.monotonic() / 10 + 1e-6


@given(knocks=st.integers(0, 40))
def test_the_promised_wait_is_long_enough(knocks: int) -> None:
    """Who waits as long as told gets a full answer."""
    clock = FakeClock()
    limit = _limit(clock)
    for _ in range(knocks):
        limit.count("a")
    clock.advance(seconds=limit.wait("a") + 1e-3)
    assert limit.count("a") == 0.0
