"""Every field of every answer, damaged in every way, through the real commands."""
