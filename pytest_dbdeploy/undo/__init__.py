"""Undo: reverse statements that keep what users wrote meanwhile. Derived, proven on the clone, carried out in one transaction."""
