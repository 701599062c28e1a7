"""The REST API: a stateless front for `control`. It parses, authorises and answers, and decides nothing.

Every refusal is a problem document (RFC 9457) whose detail says what to do next. Refuses to call the supervisor: they
meet in the database alone.
"""

from hanfleet.api.app import create_app

__all__ = ["create_app"]
