"""The schema, step by step. Every step has a way back; `store.migrate` runs them, always as the owner role.

A step is a short module in `versions`; its statements stand in `sql`, where an editor shows them as what they are.
"""

#: Every revision that this release knows, oldest first.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
HEAD = REVISIONS[-1]
