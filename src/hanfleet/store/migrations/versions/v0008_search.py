"""Search that stays quick in long histories."""

from hanfleet.store.migrations.scripts import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script("0008_search.sql")


def downgrade() -> None:
    run_script("0008_downgrade.sql")
