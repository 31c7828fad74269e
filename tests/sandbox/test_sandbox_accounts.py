"""The accounts service: grants, PKCE, refusals."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from .asking import Answer, Client, ask

REDIRECT = "http://127.0.0.1:8899/callback"
VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def authorize(client: Client, **changes: str) -> Answer:
    asked = {
        "client_id": "sandbox-client",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "state": "s t",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return ask(f"{client.sandbox.accounts}/authorize?{urlencode(asked)}")


def answered(answer: Answer) -> dict[str, list[str]]:
    assert answer.status == 302
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def redeem(client: Client, code: str, **changes: str) -> Answer:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "client_id": "sandbox-client",
        "code_verifier": VERIFIER,
    } | changes
    return ask(f"{client.sandbox.accounts}/api/token", form=form)


def test_client_credentials_in_header_and_form(client: Client) -> None:
    found = client.token(grant_type="client_credentials").json
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 3600
    assert "refresh_token" not in found
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    assert ask(f"{client.sandbox.accounts}/api/token", form=form).status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": "sandbox-client",
             "client_secret": "x"},
            "invalid_client",
        ),
        ({"grant_type": "client_credentials", "client_id": "sandbox-client"}, "invalid_client"),
        (
            {"grant_type": "refresh_token", "client_id": "sandbox-client", "refresh_token": "x"},
            "invalid_grant",
        ),
    ],
)  # fmt: skip
def test_refusals(client: Client, form: dict[str, str], error: str) -> None:
    answer = ask(f"{client.sandbox.accounts}/api/token", form=form)
    assert answer.status == 400
    assert answer.json["error"] == error


def test_code_flow_with_pkce(client: Client) -> None:
    found = answered(authorize(client))
    assert found["state"] == ["s t"]
    code = found["code"][0]
    answer = redeem(client, code)
    assert answer.status == 200
    client.tokens["user"] = answer.json["access_token"]
    assert client.get("me", who="user").json["id"] == "sandbox-user"
    again = client.token(grant_type="refresh_token", refresh_token=answer.json["refresh_token"])
    assert again.status == 200
    assert redeem(client, code).json["error"] == "invalid_grant"


def test_code_is_bound(client: Client) -> None:
    code = answered(authorize(client))["code"][0]
    assert redeem(client, code, code_verifier="w" * 64).json["error"] == "invalid_grant"
    code = answered(authorize(client))["code"][0]
    other = redeem(client, code, redirect_uri=REDIRECT + "/other")
    assert other.json["error"] == "invalid_grant"


def test_consent_can_be_refused(client: Client) -> None:
    client.sandbox.configure(deny_authorize=True)
    found = answered(authorize(client))
    assert found == {"error": ["access_denied"], "state": ["s t"]}


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": "http://localhost:8899/callback"}, {"redirect_uri": "https://example.com/"},
     {"client_id": "x"}, {"response_type": "token"}, {"code_challenge_method": "plain"}],
)  # fmt: skip
def test_consent_page_refuses(client: Client, changes: dict[str, str]) -> None:
    assert authorize(client, **changes).status == 400


@pytest.mark.parametrize(
    "redirect",
    ["http://127.0.0.1:8899/\r\nX-Mine: 1", "http://127.0.0.1:8899/\n", "http://127.0.0.1/\x00",
     "http://127.0.0.1/ü", "http://127.0.0.1/a b", "http://[::1", "http://[v1.x]/", "//127.0.0.1"],
)  # fmt: skip
def test_a_redirect_that_no_header_holds_is_refused(client: Client, redirect: str) -> None:
    answer = authorize(client, redirect_uri=redirect)
    assert answer.status == 400
    assert answer.body.startswith(b"INVALID_CLIENT")
    assert "X-Mine" not in answer.headers


def test_a_form_that_cannot_be_read_is_refused(client: Client) -> None:
    kinds = ("application/x-www-form-urlencoded; charset=none-such", "multipart/form-data")
    for kind in kinds:
        headers = {"Content-Type": kind}
        answer = ask(f"{client.sandbox.accounts}/api/token", headers=headers, body=b"a=\xff")
        assert answer.status == 400


def test_refresh_rotates_only_when_told(client: Client) -> None:
    # a token of our own: the rotation ends it, and other tests need the shared one
    code = answered(authorize(client))["code"][0]
    mine = redeem(client, code).json["refresh_token"]
    assert "refresh_token" not in client.token(grant_type="refresh_token", refresh_token=mine).json
    client.sandbox.configure(rotate_refresh_token=True)
    new = client.token(grant_type="refresh_token", refresh_token=mine).json["refresh_token"]
    assert new != mine
    old = client.token(grant_type="refresh_token", refresh_token=mine)
    assert old.json["error"] == "invalid_grant"
