"""A plain HTTP client of a running sandbox."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from requests.structures import CaseInsensitiveDict

from runclub_sandbox.testing import Sandbox


def basic(number: int = 1) -> str:
    """The header of a client and its secret."""
    end = f"-{number}" if number > 1 else ""
    return "Basic " + base64.b64encode(f"sandbox-client{end}:sandbox-secret{end}".encode()).decode()


BASIC = basic()


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    method: str | None = None,
) -> Answer:
    """One request on a connection of its own; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    sent = dict(headers or {})
    if form is not None:
        body = urlencode(form).encode()
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method or ("GET" if body is None else "POST"), target, body, sent)
        response = connection.getresponse()
        found = CaseInsensitiveDict(response.getheaders())
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


@dataclass
class Client:
    """Talks to a sandbox as an app (``app``) or as its user (``user``)."""

    sandbox: Sandbox
    number: int = 1
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, **form: str) -> Answer:
        return ask(
            f"{self.sandbox.accounts}/api/token",
            headers={"Authorization": basic(self.number)},
            form=form,
        )

    def bearer(self, who: str) -> str:
        if who not in self.tokens:
            if who == "app":
                answer = self.token(grant_type="client_credentials")
            else:
                answer = self.token(grant_type="refresh_token", refresh_token="sandbox-refresh")
            self.tokens[who] = answer.json["access_token"]
        return self.tokens[who]

    def get(self, path: str, who: str = "app", **query: Any) -> Answer:
        url = f"{self.sandbox.spotify}/{path}"
        if query:
            url += "?" + urlencode({name: str(value) for name, value in query.items()})
        return ask(url, headers={"Authorization": f"Bearer {self.bearer(who)}"})

    def recco(self, path: str, query: str = "", agent: str = "RunClub/1 (test)") -> Answer:
        url = f"{self.sandbox.reccobeats}/{path}" + (f"?{query}" if query else "")
        return ask(url, headers={"User-Agent": agent})

    def search(self, q: str, kind: str = "track", **query: Any) -> dict[str, Any]:
        answer = self.get("search", q=q, type=kind, **query)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json[f"{kind}s"]
        return found
