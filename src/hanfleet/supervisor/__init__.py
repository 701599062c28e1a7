"""Brings about what operators want: reads desired state, sees what is, and acts, one bot apart from the other.

Beside that the leader publishes events (`relay`), lets go what is too old (`retention`), ends what bots hold too long
or too much of in database and bus (`session_watch`, `bus_watch`), and shuts out who does it again (`expulsion`).
Refuses to decide anything about conversations, and to keep the truth in memory: what must survive is in rows.
"""
