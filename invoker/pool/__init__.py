"""The pool: which container runs what, and the life of each."""
