"""What is done to databases at boundaries: clone, dump, restore, hub. One job a file; each says what it could not do by name."""
