"""Token clients and consents that speak to cassettes, and what keeps secrets out of those."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from authlib.integrations.requests_client import OAuth2Session
from betamax import Betamax

from runclub_spider.apis.spotify import grant
from runclub_spider.apis.spotify.tokens import TokenClient

CASSETTES = Path(__file__).with_name("cassettes")
BASE_URL = "http://127.0.0.1:8790/accounts"
CLIENT_ID, SECRET, REFRESH = "sandbox-client", "REDACTED-SECRET", "REDACTED-REFRESH"
MATCH = ["method", "uri", "body"]

# name -> (does the client hold a refresh token?, sandbox options, what is wrong about the client)
CASES: dict[str, tuple[bool, dict[str, Any], str | None]] = {
    "client_credentials": (False, {}, None),
    "refresh": (True, {}, None),
    "refresh_rotated": (True, {"rotate_refresh_token": True}, None),
    "invalid_client": (False, {}, "secret"),
    "invalid_grant": (True, {}, "refresh_token"),
}
WRONG = "wrong-on-purpose"
# name -> what is wrong about the consent's exchange
GRANTS: dict[str, str | None] = {
    "code": None,
    "code_without_secret": "no secret",
    "code_wrong_secret": "secret",
    "code_wrong_verifier": "verifier",
    "code_spent": "spent",
}
# What is drawn at random: the same at recording and at playing.
VERIFIER, STATE, CODE = "REDACTED-VERIFIER-" + "v" * 46, "REDACTED-STATE", "REDACTED-CODE"
REDIRECT = "http://127.0.0.1:8899/callback"


def redacted(text: str, known: dict[str, str]) -> str:
    """A cassette's text with placeholders for whatever may be a secret.

    `known` maps values to placeholders; the tokens that the answers give out come on top.
    """
    known = dict(known)
    cassette = json.loads(text)
    for interaction in cassette["http_interactions"]:
        if "Authorization" in interaction["request"]["headers"]:
            interaction["request"]["headers"]["Authorization"] = ["Basic REDACTED"]
        # The rest of the headers says when and where it was recorded, and nothing we read.
        kept = interaction["response"]["headers"]["Content-Type"]
        interaction["response"]["headers"] = {"Content-Type": kept}
        answer = json.loads(interaction["response"]["body"]["string"])
        for name in ("access_token", "refresh_token"):
            if name in answer:
                known[answer[name]] = f"REDACTED-{name.upper().replace('_', '-')}-{len(known)}"
    text = json.dumps(cassette, indent=1) + "\n"
    for value, placeholder in known.items():
        text = text.replace(value, placeholder)
    return text


def client_on_cassette(
    session_of: dict[str, requests.Session],
    name: str,
    base_url: str = BASE_URL,
    *,
    secret: str = SECRET,
    refresh_token: str = REFRESH,
    folder: Path = CASSETTES,
    record: str = "none",
) -> tuple[TokenClient, Betamax]:
    """A token client whose one session goes through a cassette; it is not retried."""
    holds, _, wrong = CASES[name]
    secret = WRONG if wrong == "secret" else secret
    refresh_token = WRONG if wrong == "refresh_token" else refresh_token
    session = OAuth2Session(CLIENT_ID, secret, token_endpoint_auth_method="client_secret_basic")
    session_of[name] = session
    client = TokenClient(
        base_url,
        CLIENT_ID,
        secret,
        refresh_token if holds else None,
        session=lambda: session,
        clock=lambda: 1_000_000.0,
        pause=lambda _seconds: None,
    )
    tape = Betamax(session, cassette_library_dir=str(folder))
    return client, tape.use_cassette(name, record=record, match_requests_on=MATCH)


def consent_on_cassette(
    name: str,
    base_url: str = BASE_URL,
    *,
    secret: str = SECRET,
    folder: Path = CASSETTES,
    record: str = "none",
) -> tuple[grant.Consent, Betamax]:
    """A consent whose exchange goes through a cassette; verifier and state are known."""
    wrong = GRANTS[name]
    known = {"secret": WRONG, "no secret": None}.get(wrong or "", secret)
    drawn = {64: VERIFIER, 32: STATE}
    with mock.patch.object(grant, "generate_token", drawn.__getitem__):
        consent = grant.Consent(grant.App(base_url, CLIENT_ID, known), REDIRECT)
    tape = Betamax(consent._session, cassette_library_dir=str(folder))
    return consent, tape.use_cassette(name, record=record, match_requests_on=MATCH)
