"""Alembic's entry: it gets an open connection from `store.migrate` and refuses to find one itself."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
