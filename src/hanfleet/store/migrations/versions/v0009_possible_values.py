"""Numbers that cannot be are refused, and a negative chat is erased from sentences, too."""

from hanfleet.store.migrations.scripts import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script("0009_possible_values.sql")


def downgrade() -> None:
    run_script("0009_downgrade.sql")
