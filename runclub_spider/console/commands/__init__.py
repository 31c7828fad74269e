"""One `scrapy` command a file, thin; imports stay inside `run`, for Scrapy imports them all."""
