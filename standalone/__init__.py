"""The operator's door: ``chasen``, and the whole house in one process."""
