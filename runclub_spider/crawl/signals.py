"""Signals of this project, beside Scrapy's own."""

# The frontier has no more pages: enrichers send what is left, partial batches too. Awaited.
discovery_done = object()
# Artists and track details are in: which tracks are eligible is settled. Awaited.
tracks_judged = object()
# Every eligible track was asked for features: what is missing may be borrowed. Awaited.
features_done = object()
# All other enrichers are through: open metadata may ask for what is known by now. Awaited.
enrichment_done = object()
