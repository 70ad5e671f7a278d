"""The workshop: takes activations from its topic and runs them in containers."""
