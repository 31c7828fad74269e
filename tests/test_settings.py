"""What of Scrapy's own components is left out: nothing but what its setting turns off."""

from __future__ import annotations

import pytest
from scrapy.settings import default_settings

from runclub_spider import settings

LEFT_OUT = {
    "DOWNLOADER_MIDDLEWARES_BASE": {
        "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": "COOKIES_ENABLED",
    },
    "EXTENSIONS_BASE": {
        "scrapy.extensions.telnet.TelnetConsole": "TELNETCONSOLE_ENABLED",
        "scrapy.extensions.remote_control.RemoteControl": "REMOTE_CONTROL_ENABLED",
    },
}


@pytest.mark.parametrize("name", [name for name in dir(default_settings) if name.endswith("_BASE")])
def test_a_base_is_scrapys_but_for_what_is_off(name: str) -> None:
    theirs = getattr(default_settings, name)
    ours = getattr(settings, name, theirs)
    without = LEFT_OUT.get(name, {})
    # They are still called that, so that to leave them out has an effect.
    assert without.keys() <= theirs.keys()
    assert ours == {path: place for path, place in theirs.items() if path not in without}
    for switch in without.values():
        assert getattr(default_settings, switch)
        assert getattr(settings, switch) is False
