"""Extensions, one concern a file."""
