"""A whole fleet on a temporary home beside a sandbox: what the demo shows, the benchmarks measure and the acceptance
tests kill. Everything is a real process; nothing here exists in a fleet that serves people.
"""
