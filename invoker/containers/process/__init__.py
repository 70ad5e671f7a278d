"""Containers that are sandboxed processes: no engine, no image, 20 ms to start.

``driver`` is the adapter that the invoker sees.  It never forks: ``zygote``, a
single-threaded helper process, makes each sandbox by the steps in ``sandbox``, inside
the file tree that ``root`` prepared.  ``linux``, ``seccomp`` and ``landlock`` are the
kernel's calls; ``cgroups`` and ``network`` are what only root can add.

Imports nothing here: the zygote starts without the rest of the house.
"""
