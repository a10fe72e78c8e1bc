"""Alembic's migrations of the schema, run through the application's own connection."""
