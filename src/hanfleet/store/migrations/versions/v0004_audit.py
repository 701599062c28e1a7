"""The audit trail: triggers, chains, heads."""

from hanfleet.store.migrations.scripts import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script("0004_audit.sql")


def downgrade() -> None:
    run_script("0004_downgrade.sql")
