"""The markets that Spotify publishes, and what a person may have meant by another code."""

from __future__ import annotations

# `GET /markets`, as recorded.
_PUBLISHED = (
    "AD AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CG "
    "CH CI CL CM CO CR CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH "
    "GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IS IT JM JO JP KE KG KH KI KM KN KR KW "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MN MO MR MT MU MV MW MX MY MZ "
    "NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PR PS PT PW PY QA RO RS RW SA SB SC SE SG "
    "SI SK SL SM SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU "
    "WS XK ZA ZM ZW"
)
#: Countries by ISO 3166-1, and XK for Kosovo.
MARKETS = frozenset(_PUBLISHED.split())
# Languages, cars' plates and codes of old, as people write them for a country.
_MEANT = {
    "AN": "CW",
    "CS": "CZ",
    "DA": "DK",
    "EL": "GR",
    "EN": "GB",
    "FX": "FR",
    "HI": "IN",
    "JA": "JP",
    "KO": "KR",
    "KS": "XK",
    "RK": "XK",
    "SP": "ES",
    "UK": "GB",
    "VI": "VN",
    "ZH": "TW",
}
_MOST = 5


def cure(code: str) -> str:
    """What to set instead of a code that is none: `use GB`, or the codes next to it."""
    if (meant := _MEANT.get(code.upper())) in MARKETS:
        return f"use {meant}"
    near = sorted(MARKETS, key=lambda market: (_distance(market, code.upper()), market))
    return f"use a market of Spotify, such as {', '.join(near[:_MOST])}"


def _distance(market: str, code: str) -> int:
    """Letters swapped, then another last letter, then another first one, then anything."""
    if market == code[::-1]:
        return 0
    if market[0] == code[:1]:
        return 1
    return 2 if market[1] == code[1:2] else 3
