"""Item pipelines: normalise, filter, dedupe, store."""
