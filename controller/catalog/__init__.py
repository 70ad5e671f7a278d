"""Create, read, update, delete: the rules of each entity."""
