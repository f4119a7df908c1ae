"""Database deployment gates as pytest suites."""

__version__ = "0.1.0"
