"""Records the cassettes anew from the sandbox: ``python -m tests.apis.record_cassettes``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from runclub_sandbox.options import SandboxOptions
from runclub_sandbox.testing import Sandbox, running_sandbox
from runclub_spider.errors import ConfigurationError

from . import playing

OPTIONS = SandboxOptions(port=0)
SECRETS = {OPTIONS.client_secret: playing.SECRET, OPTIONS.refresh_token: playing.REFRESH}


def main() -> None:
    """One cassette a case; what may be a secret is replaced before it reaches the folder."""
    playing.CASSETTES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cassettes-") as scratch:
        for name, (_, changes, _) in playing.CASES.items():
            with running_sandbox(OPTIONS.changed(changes)) as sandbox:
                _tokens(name, sandbox, Path(scratch), times=2 if changes else 1)
        with running_sandbox(OPTIONS) as sandbox:
            for name in playing.GRANTS:
                _grant(name, sandbox, Path(scratch))


def _tokens(name: str, sandbox: Sandbox, scratch: Path, times: int) -> None:
    """Betamax keeps one of two equal requests: only a rotation gives two."""
    client, tape = playing.client_on_cassette(
        {},
        name,
        sandbox.accounts,
        secret=OPTIONS.client_secret,
        refresh_token=OPTIONS.refresh_token,
        folder=scratch,
        record="all",
    )
    with tape:
        try:
            for _ in range(times):
                client.fetch()
        except ConfigurationError as error:
            print(f"{name}: {error}")
    _keep(name, sandbox, scratch, {})


def _grant(name: str, sandbox: Sandbox, scratch: Path) -> None:
    consent, tape = playing.consent_on_cassette(
        name, sandbox.accounts, secret=OPTIONS.client_secret, folder=scratch, record="all"
    )
    url = consent.url
    if playing.GRANTS[name] == "verifier":
        ours, other = map(create_s256_code_challenge, (playing.VERIFIER, "w" * 64))
        url = url.replace(ours, other)
    answer = requests.get(url, allow_redirects=False, timeout=20).headers["Location"]
    code = parse_qs(urlsplit(answer).query)["code"][0]
    if playing.GRANTS[name] == "spent":
        first, _ = playing.consent_on_cassette(
            name, sandbox.accounts, secret=OPTIONS.client_secret, folder=scratch
        )
        first.finish(answer)
    with tape:
        try:
            consent.finish(answer)
        except ConfigurationError as error:
            print(f"{name}: {error}")
    _keep(name, sandbox, scratch, {code: playing.CODE})


def _keep(name: str, sandbox: Sandbox, scratch: Path, known: dict[str, str]) -> None:
    raw = (scratch / f"{name}.json").read_text(encoding="utf-8")
    text = playing.redacted(raw, {sandbox.accounts: playing.BASE_URL, **SECRETS, **known})
    (playing.CASSETTES / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
