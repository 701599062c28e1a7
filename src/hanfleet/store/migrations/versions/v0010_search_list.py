"""A longer list of words that wait for the search index: messages are written quicker."""

from hanfleet.store.migrations.scripts import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script("0010_search_list.sql")


def downgrade() -> None:
    run_script("0010_downgrade.sql")
