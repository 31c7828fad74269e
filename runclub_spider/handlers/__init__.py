"""Download handlers: the one place where requests leave the machine."""
