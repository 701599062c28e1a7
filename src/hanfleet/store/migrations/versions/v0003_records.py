"""The rest of what the fleet keeps: facts, schedules, operators and what they hold, alerts; search; retention."""

from hanfleet.store.migrations.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script("0003_records.sql")


def downgrade() -> None:
    run_script("0003_downgrade.sql")
