"""From the store to a release: select, collapse, balance, write, check, swap."""
