"""Web actions: from an HTTP request to arguments, from a result to an HTTP response.

Pure: no I/O, no clock.  The use case is ``controller/api/web.py``.
"""
