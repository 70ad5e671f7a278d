"""Which invoker runs what, and what is in flight."""
