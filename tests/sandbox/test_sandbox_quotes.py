"""Forms of field filters, and keys for which some of them give no rows."""

from __future__ import annotations

import pytest

from .asking import Client

#: The same search in each form; of one word, so that all of them ask the same.
FORMS = {"double": 'genre:"techno"', "single": "genre:'techno'", "bare": "genre:techno"}


def test_every_form_asks_the_same(client: Client) -> None:
    found = {form: client.search(q, limit=50, market="US")["items"] for form, q in FORMS.items()}
    assert found["double"]
    assert found["single"] == found["double"] == found["bare"]
    several = [client.search(f"genre:{q}hip hop{q} year:1990-1999") for q in ("'", '"')]
    assert several[0]["items"] == several[1]["items"] != []


@pytest.mark.parametrize("served", ["double", "single,bare", "double,bare", "bare"])
def test_a_form_that_gives_nothing(served: str, client: Client) -> None:
    client.sandbox.configure(filter_forms=served)
    for form, q in FORMS.items():
        assert bool(client.search(q)["items"]) == (form in served.split(",")), q
        # One filter that is not understood is enough.
        both = f"{q} year:1990-2029"
        assert bool(client.search(both)["items"]) == (form in served.split(",")), both
    assert client.search("techno year:1990-2029")["items"]


def test_typographic_apostrophes_in_filters(client: Client) -> None:
    (row,) = client.search("rock", limit=1)["items"]
    name = row["artists"][0]["name"].split()[0]
    plain, typographic = f'artist:"{name}\'"', f'artist:"{name}\u2019"'
    assert client.search(plain)["items"] == client.search(typographic)["items"] != []
    client.sandbox.configure(plain_apostrophes=True)
    assert client.search(plain)["items"]
    assert not client.search(typographic)["items"]
    assert client.search(f"{name}\u2019")["items"]
