"""What is promised of delivery holds on every store."""

from tests.support.databases import backend, database, postgres_server, store_url

__all__ = ["backend", "database", "postgres_server", "store_url"]
