"""Exit codes of the contract, each carried by its error."""

from __future__ import annotations

import pytest

from runclub_spider import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RunclubError, 1),
        (errors.StoreWriteError, 1),
        (errors.ConfigurationError, 2),
        (errors.StoreError, 2),
        (errors.GateFailed, 3),
        (errors.RunPaused, 75),
    ],
)
def test_exit_codes(error: type[errors.RunclubError], code: int) -> None:
    assert error.exit_code == code
    assert issubclass(error, errors.RunclubError)
    assert str(error("one line")) == "one line"


def test_every_expected_failure_has_a_code_of_the_contract() -> None:
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert {error.exit_code for error in found} == {1, 2, 3, 75}
