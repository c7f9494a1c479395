"""The only place with SQL: SQLAlchemy Core, SQLite and PostgreSQL from one code path."""
