"""What `scrapy auth` does: open, wait or ask, exchange, keep."""

from __future__ import annotations

import sys
import webbrowser
from functools import partial

from runclub_spider.apis.spotify.grant import App, Consent, check_redirect, wait_for_answer
from runclub_spider.apis.spotify.token_file import LIFETIME_DAYS, Grant, TokenFile, fingerprint
from runclub_spider.config import Config, utc_now
from runclub_spider.crawl.preflight import check_writable
from runclub_spider.errors import ConfigurationError

_PASTE_REDIRECT = "http://127.0.0.1/callback"


def authorize(config: Config, *, paste: bool, browser: bool, timeout: float) -> str:
    """Have a user consent and keep the grant; returns one line saying where."""
    if not config.spotify_client_id:
        raise ConfigurationError("SPOTIFY_CLIENT_ID is not set: put it into .env first")
    check_writable(config.token_file.parent, "the folder of TOKEN_FILE")
    app = App(
        config.spotify_accounts_base_url,
        config.spotify_client_id,
        config.spotify_client_secret,
    )
    if paste:
        redirect = config.spotify_redirect_uri or _PASTE_REDIRECT
        check_redirect(redirect)
        consent = Consent(app, redirect)
        answer = _pasted(consent.url)
    else:
        opened = partial(_open, browser=browser)
        consent, answer = wait_for_answer(
            lambda redirect: Consent(app, redirect), config.spotify_redirect_uri, opened, timeout
        )
    token = consent.finish(answer)
    # The new consent goes before one that the environment may still name.
    old = config.spotify_refresh_token
    grant = Grant(config.spotify_client_id, token, utc_now(), fingerprint(old) if old else None)
    TokenFile(config.token_file).save(grant)
    return (
        f"Kept in {config.token_file}, readable by you alone. Spotify lets it live for "
        f"{LIFETIME_DAYS // 30} months; `scrapy doctor` warns before it ends."
    )


def _open(url: str, *, browser: bool) -> None:
    if browser and webbrowser.open(url):
        print("A browser was opened; consent there. If none shows, open this address:")
    else:
        print("Open this address in a browser on this machine and consent:")
    print(url, flush=True)


def _pasted(url: str) -> str:
    print("Open this address in any browser and consent:")
    print(url)
    print(
        "The browser then ends at an address that does not load. Paste that address here:",
        flush=True,
    )
    line = sys.stdin.readline().strip()
    if not line:
        raise ConfigurationError("no address was pasted; run `scrapy auth --paste` again")
    return line
