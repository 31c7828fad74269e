"""Which tracks make a release."""
