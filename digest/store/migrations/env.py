"""Alembic's entry: runs the migrations on the connection that `schema.py` hands over."""

from alembic import context

from digest.store import reader_tables, returned_tables  # noqa: F401 - their tables are in the metadata
from digest.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
