"""The protocols of the web are kept by the real things; the type checker is who tests it."""

from __future__ import annotations

from bridge.pipeline.ingest import Ingest
from bridge.pipeline.operate import Operator
from bridge.sandbox.arrivals import Arrivals
from bridge.store.database import Database
from bridge.web.desk import Mailbox, Operates, Store
from bridge.web.receiver import Receiver


def test_the_real_things_fit() -> None:
    """What bootstrap passes in has the shape that pages and hooks ask for."""

    def fits(
        _receiver: type[Receiver], _store: type[Store], _operator: type[Operates], _box: type[Mailbox]
    ) -> None:
        return None

    fits(Ingest, Database, Operator, Arrivals)
