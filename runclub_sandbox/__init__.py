"""The offline twin of the APIs the project reads: one process on loopback.

Nothing here is imported by the crawler; it is started with ``scrapy sandbox``,
``python -m runclub_sandbox`` or, in tests, :func:`.testing.running_sandbox`.
"""
