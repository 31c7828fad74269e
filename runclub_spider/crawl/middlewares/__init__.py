"""Spider and downloader middlewares, one concern a file."""
