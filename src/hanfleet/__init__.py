"""Hanfleet."""
