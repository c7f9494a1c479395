from tests.support.databases import (
    backend,
    connection,
    database,
    engines,
    postgres_server,
    store_url,
)

__all__ = ["backend", "connection", "database", "engines", "postgres_server", "store_url"]
