"""From a selection to files."""
