"""The domain, pure: no Scrapy, no I/O, nothing of the other rooms."""
