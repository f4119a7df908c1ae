"""Comparison of databases: catalogue snapshots, their differences, and digests of rows."""
