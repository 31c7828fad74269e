"""Reading what `scrapy doctor` prints, and what must hold of it always."""

from __future__ import annotations

from base64 import b64encode

SECRETS = ("sandbox-secret", "sandbox-refresh", "pa55-w0rd", "t0k3n-of-the-user", "Bearer")
BASIC = b64encode(b"sandbox-client:sandbox-secret").decode()
# what -> (verdict, detail)
Table = dict[str, tuple[str, str]]


def read(out: str, code: int) -> Table:
    """The table, wrapped lines put together.

    It fits 80 columns, tells no secret, and its last line and exit code are those of its worst
    verdict.
    """
    heading, *lines, verdict = out.splitlines()
    assert max(map(len, [heading, *lines, verdict])) <= 80
    assert [secret for secret in (*SECRETS, BASIC) if secret in out] == []
    detail = heading.index("detail")
    rows: list[list[str]] = []
    for line in lines:
        what, said = line[:detail].split(), line[detail:].strip()
        if what:
            rows.append([" ".join(what[:-1]), what[-1], said])
        else:
            rows[-1][2] += f" {said}"
    found = {what: (sign, said) for what, sign, said in rows}
    signs = {sign for sign, _ in found.values()}
    assert signs <= {"ok", "warning", "mend", "wait"}
    assert code == (2 if "mend" in signs else 75 if "wait" in signs else 0), out
    expected = {0: "Usable", 2: "Not usable: mend", 75: "Not usable now: wait"}[code]
    assert verdict.startswith(expected)
    assert ("Next: scrapy crawl" in verdict) == (code == 0)
    return found


def troubles(found: Table) -> dict[str, str]:
    """What is to be mended or waited for."""
    return {what: said for what, (sign, said) in found.items() if sign in {"mend", "wait"}}
