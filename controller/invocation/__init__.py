"""From a resolved action to an activation on its way, and back."""
