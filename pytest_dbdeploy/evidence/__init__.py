"""Evidence: what statements do on the clone, measured; one kind of it a module."""
