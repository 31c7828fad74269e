"""Finding out in which form field filters give a key rows, by pages that are asked anyway. Pure.

A search that gives no rows is no proof: many have none. What proves that a form gives nothing is a
search that has none in it and rows in another form that asks for the same: the other quotes, or
none around a single word. An apostrophe is taken differently by them, so that what has one proves
nothing. Double quotes are preferred, and while they give rows nothing is asked twice: an alarm is
what a working form does not do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runclub_spider.apis.spotify.filters import Form, has_apostrophe, has_quotes, is_plain

#: Searches in a row without rows, after which some are written without quotes.
_DOUBT = 3
#: Of those, how many have to give rows before a search that gives none is asked without quotes.
_COMPARED = 3
#: Later pages of searches that had rows and said that there are more, before one is asked anew; in
#: doubt the first is.
_CUT_SHORT = 2
#: Searches in a row of which nothing is known, before one is asked anew; thrice as many each time.
_PATIENCE, _MORE_PATIENCE = 12, 3
#: The same while no search of a run has had rows: between runs much may change.
_AT_FIRST = 5
#: Searches without rows, the last of them with rows in a wider form, that speak against a form.
_HINTS = 3
_EXACT = (Form.DOUBLE, Form.SINGLE)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A page on its way; `after` counts the pages that were heard before it was sent."""

    term: str
    form: Form
    after: int


@dataclass(slots=True)
class FilterForms:
    """What is known of one key, and the form of the next search.

    Attributes:
        works: whether a form gives rows; None while that is not known.
        suspects: pages that were stored as empty, which the form may be to blame for.
        again: pages that were, by a form that turned out to give nothing.
    """

    works: dict[Form, bool | None] = field(default_factory=lambda: dict.fromkeys(Form))
    suspects: dict[str, int] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    _out: dict[str, _Sent] = field(default_factory=dict)
    _tried: dict[str, list[Form]] = field(default_factory=dict)
    _trial: str | None = None
    _heard: int = 0
    # Since the form in use gave rows: later pages and others that were empty, and those without
    # quotes that were not; whether the next goes without.
    _cut_short: int = 0
    _in_a_row: int = 0
    _compared: int = 0
    _without: bool = False
    _patience: int = _PATIENCE
    # Whether the form in use gave rows in this run, or was tried in vain.
    _tested: bool = False
    # Pages that had no rows in any form, and how many more are let pass for it.
    _fruitless: int = 0
    _pass: int = 0
    # What speaks against a form without proof, and the forms that are out for that alone.
    _hints: Counter[Form] = field(default_factory=Counter)
    _guessed: set[Form] = field(default_factory=set)

    # What is known

    @property
    def in_use(self) -> Form:
        """The form that terms are written in: the first that is not known to give nothing."""
        return next((form for form in Form if self.works[form] is not False), Form.BARE)

    @property
    def known(self) -> bool:
        """Whether the form in use gave rows."""
        return self.works[self.in_use] is True

    def stored(self) -> dict[str, Any]:
        """What later runs should know."""
        works = {form: None if form in self._guessed else it for form, it in self.works.items()}
        return {"works": works, "suspects": [*self.suspects], "again": self.again}

    def load(self, found: Mapping[str, Any], *, young: bool) -> None:
        """What earlier runs knew; of a form only while that is `young`."""
        if young:
            self.works.update((Form(form), value) for form, value in found["works"].items())
        self.suspects = dict.fromkeys(found["suspects"], 0)
        self.again = [*found["again"]]

    def hear(self, works: Mapping[str, Any]) -> None:
        """What another run has found out of a key like this one; what is known here stays."""
        for form, value in works.items():
            if self.works[Form(form)] is None:
                self.works[Form(form)] = value

    # Pages

    def form_of(self, key: str) -> Form:
        """The form in which a page was sent, else that for the next."""
        sent = self._out.get(key)
        return self.in_use if sent is None else sent.form

    def must_wait(self, term: str) -> bool:
        """Whether a page that is on its way decides how the term is to be written."""
        if not has_quotes(term):
            return False
        return self._trial is not None or (bool(self._out) and not self.known)

    def send(self, key: str, term: str, form: Form | None = None) -> Form:
        """The form for a page that is about to be sent; `form` where it is asked again in one."""
        form = form or self._choice(term)
        if has_quotes(term):
            self._out[key] = _Sent(term, form, self._heard)
        return form

    def lost(self, key: str) -> None:
        """A page was not answered with rows or without."""
        self._out.pop(key, None)
        self._tried.pop(key, None)
        if self._trial == key:
            self._trial = None

    def forget_sent(self) -> None:
        """Nothing is on its way, whatever was sent."""
        self._out.clear()
        self._tried.clear()
        self._trial = None

    def heard(
        self, key: str, term: str, rows: int, *, later: bool, form: Form | None = None
    ) -> Form | None:
        """A page was answered; returns the form to ask it again in, None when the answer counts.

        `later` says that the search had rows before, and more of them to come; `form` is the one
        that was sent, if that was by an earlier process.
        """
        sent = self._out.pop(key, None)
        if form is not None and has_quotes(term) and (sent is None or sent.form is not form):
            sent = _Sent(term, form, self._heard)
        if sent is None:
            return None
        self._heard += 1
        if rows:
            self._gave_rows(sent, self._tried.pop(key, []), later=later)
            following = None
        else:
            tried = self._tried.setdefault(key, [])
            tried.append(sent.form)
            following = self._after_none(key, sent, tried, later=later)
            if following is None:
                del self._tried[key]
                if sent.form is self.in_use or len(tried) > 1:
                    self.suspects[key] = self._heard
        if following is None and self._trial == key:
            self._trial = None
        return following

    def _choice(self, term: str) -> Form:
        form = self.in_use
        if form is Form.BARE or not (self.known and is_plain(term)):
            return form
        if len(self.suspects) < _DOUBT:
            return form
        # It asks the same, so nothing is lost; what it brings is held against what quotes bring.
        self._without = not self._without
        return Form.BARE if self._without else form

    def _gave_rows(self, sent: _Sent, tried: Sequence[Form], *, later: bool) -> None:
        form, used = sent.form, self.in_use
        failed = [other for other in tried if self.works[other] is not False]
        # What one form does to an apostrophe tells nothing of what it does to others.
        for other in [] if has_apostrophe(sent.term) else failed:
            self._hints[other] += 1
            if form in _EXACT or is_plain(sent.term) or later:
                self._gives_nothing(other, instead=form)
            elif self._hints[other] + self._fruitless >= _HINTS:
                # Where pages had none in other quotes either, those are out with it.
                guessed = [one for one in _EXACT if one is other or self._fruitless >= _HINTS - 1]
                for one in guessed:
                    self._gives_nothing(one, instead=form)
                self._guessed.update(guessed)
        if self.works[form] is False:
            # It was on its way before the form was out.
            return
        self.works[form] = True
        if form is not used:
            self._compared += not failed
        elif not failed:
            # Those that were empty before it was sent had no rows.
            self.suspects = {key: at for key, at in self.suspects.items() if at > sent.after}
            self._fruitless = self._pass = 0
            self._tested = True
            self._calm()

    def _after_none(self, key: str, sent: _Sent, tried: list[Form], *, later: bool) -> Form | None:
        """The form in which a page without rows is asked next."""
        form = sent.form
        if self.works[form] is False and self.in_use not in tried:
            # Sent before that was known.
            return self.in_use
        if self._trial == key:
            following = self._other(sent.term, tried, later=later)
            if following is None:
                self._was_fruitless(sent.term)
            return following
        if form is not self.in_use:
            # Without quotes none either: they are not to blame for those around it.
            self._in_a_row = 0
            return None
        if not self._is_suspicious(sent.term, later=later) or self._trial is not None:
            return None
        following = self._other(sent.term, tried, later=later)
        if following is not None:
            self._trial = key
        return following

    def _is_suspicious(self, term: str, *, later: bool) -> bool:
        """Whether a page without rows is reason to ask it in another form."""
        if not self.known:
            self._pass -= 1
            return self._pass < 0
        if later:
            self._cut_short += 1
            return self._cut_short >= _CUT_SHORT or len(self.suspects) >= _DOUBT
        self._in_a_row += 1
        if is_plain(term) and self._compared >= _COMPARED:
            return True
        return self._in_a_row >= (self._patience if self._tested else _AT_FIRST)

    def _other(self, term: str, tried: Sequence[Form], *, later: bool) -> Form | None:
        """The next form for a page that had no rows in some."""
        first = tried[0]
        exact = [one for one in _EXACT if one is not first and self.works[one] is not False]
        if first is Form.BARE:
            forms = [*_EXACT]
        elif is_plain(term):
            forms = [Form.BARE]
        elif later:
            forms = [*exact, Form.BARE]
        elif exact and self._fruitless < (1 if self.known else _HINTS - 1):
            forms = exact
        else:
            # The words of a phrase ask for more than the phrase, so their rows are but a hint.
            forms = [Form.BARE]
        return next((one for one in forms if one not in tried), None)

    def _was_fruitless(self, term: str) -> None:
        """A page has no rows in any form that was tried."""
        self._fruitless += 1
        if not self.known:
            # The first cost a search more each, then ever fewer of them do.
            self._pass = 2 ** max(self._fruitless - 2, 0) - 1
            return
        self._tested = True
        if self._in_a_row >= self._patience:
            self._patience *= _MORE_PATIENCE
        self._cut_short = self._in_a_row = 0
        if is_plain(term):
            self._compared = 0

    def _gives_nothing(self, form: Form, *, instead: Form) -> None:
        """A form is out, and what it left empty is to be asked again."""
        if self.works[form]:
            # Times have changed: what gave nothing then may give rows now.
            for other, gives in self.works.items():
                if gives is False and other is not instead:
                    self.works[other] = None
        self.works[form] = False
        self.again += self.suspects
        self.suspects = {}
        self._fruitless = self._pass = 0
        self._calm()

    def _calm(self) -> None:
        """Nothing speaks against the form in use."""
        self._cut_short = self._in_a_row = self._compared = 0
        self._hints.clear()
