"""In which form a run's terms are sent: what is found out, and what the store remembers of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runclub_spider.apis.spotify.forms import FilterForms
from runclub_spider.config import Config, utc_now
from runclub_spider.store.db import meta
from runclub_spider.text import DAY

if TYPE_CHECKING:
    import sqlalchemy as sa


# Seconds that the others of a fleet leave it to one to find out which form gives rows.
_CLAIM = 20


class Filters:
    """One run's; what it knows is kept with the pages that showed it."""

    def __init__(self, config: Config) -> None:
        self._key = f"filters|{config.spotify_api_base_url}|{config.spotify_client_id}"
        self._age = config.regime_max_age_days * DAY
        self.forms = FilterForms()
        # When the form in use was found out, by which run, and what the store has of all that.
        self._since = 0
        self._first = self.forms.in_use
        self._kept = ""

    def load(self, connection: sa.Connection) -> None:
        """Take up what earlier runs found out, while that is young, and what they left behind."""
        stored = meta.get(connection, self._key)
        if not stored:
            return
        found = json.loads(stored)
        self._since = found["at"]
        young = -DAY < utc_now() - self._since < self._age
        self.forms.load(found, young=young)
        self._first = self.forms.in_use
        self._kept = stored if young else ""

    @property
    def news(self) -> str | None:
        """One line where the form in use was found out in this run and is not the usual one."""
        form = self.forms.in_use
        if not self.forms.known or form is self._first:
            return None
        return f"Field filters give this key rows in {_NAMES[form]} only; terms are sent like that."

    def noted(self) -> str | None:
        """What the store should be told with the next page; None when it has that already."""
        before = json.loads(self._kept)["works"] if self._kept else {}
        found = self.forms.stored()
        if found["works"] != before:
            self._since = utc_now()
        text = json.dumps({**found, "at": self._since})
        if text == self._kept:
            return None
        self._kept = text
        return text

    def keep(self, connection: sa.Connection, noted: str, plan_id: int | None = None) -> None:
        """Store it; of a fleet's plan the others hear which forms give rows."""
        meta.put(connection, self._key, noted)
        if plan_id is not None:
            meta.put(connection, _of_plan(plan_id), json.dumps(json.loads(noted)["works"]))

    def claim(self, connection: sa.Connection, plan_id: int, owner: str) -> bool:
        """Whether terms with quotes may be sent by this run of a fleet: one finds out for all.

        Whoever claimed it and says nothing for so long has found nothing out.
        """
        found = meta.get(connection, _of_plan(plan_id))
        if found is not None:
            self.forms.hear(json.loads(found))
        if self.forms.known:
            return True
        key, now = f"{_of_plan(plan_id)}|claim", utc_now()
        holder, _, until = (meta.get(connection, key) or "").partition("|")
        if holder not in {"", owner} and now < int(until):
            return False
        meta.put(connection, key, f"{owner}|{now + _CLAIM}")
        return True

    def take_again(self) -> Sequence[str]:
        """Keys of pages that a form left empty which gives nothing; they are to be asked again."""
        again, self.forms.again = self.forms.again, []
        return again


def _of_plan(plan_id: int) -> str:
    return f"fleet|{plan_id}|filters"


_NAMES = {"double": "double quotes", "single": "single quotes", "bare": "no quotes"}
