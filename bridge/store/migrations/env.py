"""Run by alembic for every migration; the connection, its transaction and its lock belong to `upgrade.py`."""

from __future__ import annotations

from alembic import context

from bridge.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_step"],
    target_metadata=schema.METADATA,
    version_table=schema.version.name,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
