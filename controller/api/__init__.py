"""HTTP in, HTTP out: one use case called per handler."""
