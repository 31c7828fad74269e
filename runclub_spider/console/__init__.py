"""What a person types and reads: one module a verb."""
