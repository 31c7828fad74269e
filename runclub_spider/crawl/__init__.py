"""How one run holds together."""
