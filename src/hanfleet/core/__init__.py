"""The pure vocabulary of the fleet: ids, states, messages, events, commands, errors. No I/O, no clock, no vendor."""
