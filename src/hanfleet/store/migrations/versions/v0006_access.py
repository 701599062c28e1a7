"""Narrower rights: a role for the relay, and what bots never needed."""

from hanfleet.store.migrations.scripts import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script("0006_access.sql")


def downgrade() -> None:
    run_script("0006_downgrade.sql")
