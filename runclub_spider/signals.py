"""Signals of this project, beside Scrapy's own."""

# The frontier has no more pages: enrichers send what is left, partial batches too. Awaited.
discovery_done = object()
