"""Fixtures for tests with real servers."""

from tests.support.database import database

__all__ = ["database"]
