"""`wsk`: the command line of users, compatible with OpenWhisk's.

It knows the REST API and nothing else of this house: no module here imports the
server's. Every module is imported when a command needs it, so that help and
completion answer at once.
"""

# Clients of OpenWhisk read a date here; scripts match on the leading "20".
CLI_VERSION = "2026-11-22"
