"""The offline world: a Telegram, a language model and scripted people on this machine, for rehearsals and tests.

Only the command line imports this room, and this room imports only kit: the product is never tied to its own sandbox.
Import ``Sandbox`` and ``run_sandbox`` from ``hanfleet.sandbox.server``; this page stays light on purpose.
"""
