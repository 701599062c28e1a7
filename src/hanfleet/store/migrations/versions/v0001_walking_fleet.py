"""The walking fleet: all tables, row level security by login role, the functions that bots call."""

from hanfleet.store.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    for script in ("0001_tables.sql", "0001_functions.sql", "0001_access.sql"):
        run_script(script)


def downgrade() -> None:
    run_script("0001_downgrade.sql")
