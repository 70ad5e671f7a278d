"""The API described once, and told twice: OpenAPI 3.1 and Swagger 2.0.

``operations`` is the table of routes, methods, rights and statuses, ``schemas`` what
travels; ``openapi`` and ``swagger`` are two ways of saying both.  The handlers read
raw requests, in OpenWhisk's order of checks, so FastAPI could not tell all this.
"""
