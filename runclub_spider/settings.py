"""Scrapy's settings. Beside each value that differs from Scrapy's: why, and its default there.

The project's own settings, with default and reason, are in `config.py`; their values
from `.env` and the environment are merged in at the end.
"""

from scrapy.settings import default_settings

from runclub_spider.config import Config, environment
from runclub_spider.errors import ConfigurationError

BOT_NAME = "runclub_spider"
SPIDER_MODULES = ["runclub_spider.spiders"]
NEWSPIDER_MODULE = "runclub_spider.spiders"
COMMANDS_MODULE = "runclub_spider.console.commands"

# An explicit name: ReccoBeats refuses libraries' default agents (default: Scrapy/x.y).
USER_AGENT = "runclub-spider/0.1 (song catalogue; +https://github.com/runclub/runclub-spider)"
# APIs are asked by their terms, not by robots.txt (default: False; said, not inherited).
ROBOTSTXT_OBEY = False
# Keys travel to these hosts (default: False).
DOWNLOAD_VERIFY_CERTIFICATES = True
# No port is opened by a crawl (defaults: True, True).
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
# APIs answer directly; a redirect could carry a credential to another host (default: True).
REDIRECT_ENABLED = False
COOKIES_ENABLED = False
# The guard retries: with back-off, Retry-After and the quota ledger (default: True).
RETRY_ENABLED = False
# Every status reaches the parser, which has a case for each (default: False).
HTTPERROR_ALLOW_ALL = True
# An answer that is not whole by then counts as a time-out, however it trickles (default: 180).
DOWNLOAD_TIMEOUT = 30
# No answer is that large; the handler holds it for unpacked ones as well (default: 1 GiB).
DOWNLOAD_MAXSIZE = 64 << 20
# Answers are unpacked by the handler, below the guard that judges them (default: True).
COMPRESSION_ENABLED = False
# A term may be long; a request dropped for its length would never be answered (default: 2083).
URLLENGTH_LIMIT = 0
# Enough to keep both APIs busy; the guard holds the cap of each host (default: 16, 8).
CONCURRENT_REQUESTS = 32
CONCURRENT_REQUESTS_PER_DOMAIN = 32
# A page is one item: each more would be an idle task for every response (default: 100).
CONCURRENT_ITEMS = 1
# Scrapy reads a callback's source for that with each answer, since a bound method is a new object
# each time (default: True).
WARN_ON_GENERATOR_RETURN_VALUE = False
# Off by default, for AutoThrottle reads fast refusals as speed; who turns it on starts
# at once instead of after five seconds (default: 5).
AUTOTHROTTLE_START_DELAY = 0.1
# The terminal shows progress and a summary; -L DEBUG shows the wall (default: DEBUG).
LOG_LEVEL = "WARNING"
LOG_FORMATTER = "runclub_spider.crawl.extensions.log_format.QuietLogFormatter"
# Beside Scrapy's own: a JOBDIR that cannot be read costs nothing.
SCHEDULER = "runclub_spider.crawl.middlewares.scheduler.StoreScheduler"
# None: the first middleware lets a page through once (default: RFPDupeFilter, on addresses).
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"

DOWNLOAD_HANDLERS = {
    "http": "runclub_spider.crawl.sending.ApiDownloads",
    "https": "runclub_spider.crawl.sending.ApiDownloads",
}

DOWNLOADER_MIDDLEWARES = {
    # First of all: a copy of a request that is on its way takes no token and no slot.
    "runclub_spider.crawl.middlewares.in_flight.InFlightFilter": 50,
    # After HttpAuth (300) and before HttpCompression (590): the token is set last and a 401
    # is seen first.
    "runclub_spider.crawl.middlewares.token.SpotifyTokenMiddleware": 560,
}
# Scrapy's own, without what is off by its setting above: a None in its place would still load it.
# Together with the two extensions below that is a seventh of an unchanged run's CPU time (medians
# of 15 alternating runs: 1.15 s, against 1.35 s with Scrapy's base and 1.30 s with None in it).
DOWNLOADER_MIDDLEWARES_BASE = {
    name: place
    for name, place in default_settings.DOWNLOADER_MIDDLEWARES_BASE.items()
    if name != "scrapy.downloadermiddlewares.cookies.CookiesMiddleware"
}

# Pages already in the store are skipped (the project's reading of scrapy-deltafetch).
DELTAFETCH_ENABLED = True
SPIDER_MIDDLEWARES = {
    "runclub_spider.crawl.middlewares.delta.StoreDeltaFetch": 100,
}

ITEM_PIPELINES = {
    "runclub_spider.crawl.pipelines.normalize.NormalizePipeline": 100,
    "runclub_spider.crawl.pipelines.filter.FilterPipeline": 200,
    "runclub_spider.crawl.pipelines.dedupe.DedupePipeline": 300,
    # The page's one transaction: rows, edges, verdicts, ledger and mark.
    "runclub_spider.crawl.pipelines.store.StorePipeline": 400,
}

EXTENSIONS = {
    "runclub_spider.crawl.extensions.run_record.RunRecord": 100,
    "runclub_spider.crawl.extensions.progress.Progress": 200,
    "runclub_spider.crawl.extensions.snapshots.Snapshots": 250,
    "runclub_spider.crawl.extensions.publisher.Publisher": 300,
    # Scrapy's own log line a minute would break the progress line.
    "scrapy.extensions.logstats.LogStats": None,
}
# As above: a console, and a web server.
EXTENSIONS_BASE = {
    name: place
    for name, place in default_settings.EXTENSIONS_BASE.items()
    if name
    not in {
        "scrapy.extensions.telnet.TelnetConsole",
        "scrapy.extensions.remote_control.RemoteControl",
    }
}

# Letters as they are; else JSON escapes what is not ASCII (default: None).
FEED_EXPORT_ENCODING = "utf-8"
# A page is an item, and a file of `-o` has a row a track or a play (default: a row an item).
FEED_EXPORTERS = {
    "jsonlines": "runclub_spider.crawl.feeds.JsonLinesRows",
    "jsonl": "runclub_spider.crawl.feeds.JsonLinesRows",
    "jl": "runclub_spider.crawl.feeds.JsonLinesRows",
    "json": "runclub_spider.crawl.feeds.JsonRows",
    "csv": "runclub_spider.crawl.feeds.CsvRows",
    "xml": "runclub_spider.crawl.feeds.XmlRows",
    "catalog_jsonl": "runclub_spider.publish.write.exporters.CatalogLinesExporter",
}

try:
    globals().update(environment(Config.names()))
except ConfigurationError as error:
    # Reported by whichever command needs the settings, in one line and with exit code 2.
    CONFIG_PROBLEM = str(error)
