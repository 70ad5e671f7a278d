"""May this identity do this, and how often."""
