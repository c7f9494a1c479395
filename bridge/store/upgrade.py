"""Runs migrations by alembic; imported only when there are some, because alembic takes long to import."""

from __future__ import annotations

from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection

from bridge.store.migrations import Migrations


def upgrade(connection: Connection, migrations: Migrations, progress: Callable[[str], None]) -> None:
    """Take every missing step, in the caller's transaction; `progress` hears the number of each one done."""

    def on_step(*, step: MigrationInfo, **_rest: object) -> None:
        progress(str(step.up_revision_id))

    config = Config(attributes={"connection": connection, "on_step": on_step})
    config.set_main_option("script_location", migrations.location)
    command.upgrade(config, migrations.head)
