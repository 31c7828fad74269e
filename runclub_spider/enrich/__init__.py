"""Who completes tracks."""
