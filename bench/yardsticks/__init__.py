"""Simple programs that do the same work without this project; each runs as a process."""
