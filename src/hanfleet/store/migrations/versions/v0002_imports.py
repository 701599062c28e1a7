"""What imports of the old bot's data brought."""

from hanfleet.store.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("0002_imports.sql")


def downgrade() -> None:
    run_script("0002_downgrade.sql")
