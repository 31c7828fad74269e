"""The outside APIs: request builders, response models, parsers, regimes. No Scrapy in here."""
