"""What an erasure takes with it."""

from hanfleet.store.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script("0007_erasures.sql")


def downgrade() -> None:
    run_script("0007_downgrade.sql")
