"""``python -m hanfleet``: the same as the ``hanfleet`` command."""

from hanfleet.cli import main

if __name__ == "__main__":
    main()
