"""Brings about what operators want: reads desired state, sees what is, and acts, one bot apart from the other.

Refuses to decide anything about conversations, and to keep the truth in memory: what must survive is in rows.
"""
