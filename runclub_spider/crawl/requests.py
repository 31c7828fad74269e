"""From a plain API call to a Scrapy request, and back from what went wrong."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request

from runclub_spider.apis.call import CREDENTIAL, Call
from runclub_spider.config import is_loopback

# Scrapy's own would ask for HTML first, and some APIs show themselves to browsers.
ACCEPT = "application/json"


def meta_of(api: str, family: str, url: str) -> dict[str, Any]:
    """What a request carries for the guard of its API, and against what could misdirect it.

    `url` is its address, or that of its API.
    """
    return {
        "api": str(api),
        "family": str(family),
        # One slot an API: hosts of sandbox and proxies may be shared by several.
        "download_slot": str(api),
        # Even where a user turns Scrapy's middlewares on: a redirect could carry a credential
        # to another host, and retries are the guard's.
        "dont_redirect": True,
        "dont_retry": True,
        # The environment's proxy is for the net; it could not reach this machine's own servers.
        **({"proxy": None} if _is_here(url) else {}),
    }


# Calls have few base addresses.
@lru_cache(64)
def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def to_request(call: Call, **arguments: Any) -> Request:
    """A request that the guard of its API recognises; `meta` may carry more."""
    headers = {"Accept": ACCEPT, **call.headers}
    credential = headers.pop("Authorization", None)
    meta = {
        **meta_of(call.api, call.family, call.base_url),
        **({CREDENTIAL: credential} if credential else {}),
        **arguments.pop("meta", {}),
    }
    return Request(
        call.url,
        method=call.method,
        body=call.body or b"",
        headers=headers,
        meta=meta,
        **arguments,
    )
