"""Exit codes of the contract, each carried by its error."""

from __future__ import annotations

from runclub_spider import errors


def test_every_expected_failure_has_a_code_of_the_contract() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert {error.exit_code for error in found} == {1, 2, 3, 75}
