"""The cases of the benchmark run; how fast is not for tests to say."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bench import events, peers
from bench.__main__ import measured
from bench.case import Case, Effort
from bench.pairs import script
from bench.servers import Server
from bench.suite import CASES

TINY = Effort(slices=1, scale=0.002)
COUNTED = [case for case in CASES if case.unit == "instructions"]
"""Under valgrind, fifty times slower: minutes, and tried by every real run."""
VARIANTS = {
    "accept-128",
    "accept-close",
    "webhook-close",
    "webhook-shipped",
    "mail-5ms",
    "rendering-slack",
    "rendering-email",
    "messages-slack",
    "messages-webhook",
    "share-slack",
    "share-smtp",
    "flush-bare",
    "start-rules",
}
"""The code of another case with another number."""
RUN = [
    case for case in CASES if case not in COUNTED and case not in peers.CASES and case.name not in VARIANTS
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", RUN, ids=[case.name for case in RUN])
async def test_a_case_runs(case: Case) -> None:
    """A case measures a pair from which a ratio comes, and nothing stops it."""
    result = await measured(case, TINY)
    assert not result.note
    assert result.ratio is not None
    assert result.ratio > 0


async def test_another_program_is_warm_before_it_is_measured() -> None:
    """Its warm-up counts in no slice, and a slice is never too small for its connections."""
    asked: list[int] = []

    def requests(port: int, count: int) -> list[bytes]:
        asked.append(count)
        return events.requests(port, count)

    def naive(_: Path, target: int) -> AbstractAsyncContextManager[Server]:
        return script("naive", f"http://127.0.0.1:{target}/")

    peer = peers.Peer(naive, count=200, warm_up=7, requests=requests)
    result = await measured(Case("peer", "", "", "events/s", peers.beside(peer)), TINY)
    assert (result.slices, result.note) == (1, "")
    assert asked == [7, peers.FEWEST, peers.FEWEST]


@pytest.mark.parametrize("case", peers.CASES, ids=[case.name for case in peers.CASES])
async def test_a_program_that_is_not_installed_is_passed_over(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the other program its line says what is missing, and the run goes on."""
    monkeypatch.setenv("PATH", "/nonexistent")
    result = await measured(case, TINY)
    assert result.ratio is None
    assert "is not installed" in result.note
