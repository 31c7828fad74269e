"""What many workers do together: plans and their jobs."""
