"""Which key sealed what, and texts that are stored sealed."""

from hanfleet.store.migrations.scripts import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script("0005_keys.sql")


def downgrade() -> None:
    run_script("0005_downgrade.sql")
