"""From a plain API call to a Scrapy request, and back from what went wrong."""

from __future__ import annotations

from typing import Any

from scrapy import Request

from runclub_spider.apis.call import Call


def to_request(call: Call, **arguments: Any) -> Request:
    """A request that the guard of its API recognises; `meta` may carry more."""
    meta = {
        "api": str(call.api),
        "family": str(call.family),
        # One slot an API: hosts of sandbox and proxies may be shared by several.
        "download_slot": str(call.api),
        # Even where a user turns Scrapy's middlewares on: a redirect could carry a credential
        # to another host, and retries are the guard's.
        "dont_redirect": True,
        "dont_retry": True,
        **arguments.pop("meta", {}),
    }
    return Request(
        call.url,
        method=call.method,
        body=call.body or b"",
        # Scrapy's own would ask for HTML first, and some APIs show themselves to browsers.
        headers={"Accept": "application/json", **call.headers},
        meta=meta,
        **arguments,
    )
