"""One `scrapy` command a file, thin; what does the work is imported when it is run."""
