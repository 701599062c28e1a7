"""Where one fleet lives and how its processes are put together.

Settings, the home folder and what lies in it (keys, secrets, backups, audit heads, the ledger of erasures), the
embedded servers, `hanfleet up` with an entry for each process, and the way by which commands reach a home's database
without a running fleet. Time and chance are chosen here and handed down. Refuses to decide anything about bots or
conversations.
"""
