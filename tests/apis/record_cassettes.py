"""Records the cassettes anew from the sandbox: ``python -m tests.apis.record_cassettes``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from runclub_spider.errors import ConfigurationError
from runclub_spider.sandbox.options import SandboxOptions
from runclub_spider.sandbox.testing import running_sandbox

from . import playing


def main() -> None:
    """One cassette a case; what may be a secret is replaced before it reaches the folder."""
    options = SandboxOptions(port=0)
    secrets = {options.client_secret: playing.SECRET, options.refresh_token: playing.REFRESH}
    playing.CASSETTES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cassettes-") as scratch:
        for name, (_, changes, _) in playing.CASES.items():
            with running_sandbox(options.changed(changes)) as sandbox:
                client, tape = playing.client_on_cassette(
                    {},
                    name,
                    sandbox.accounts,
                    secret=options.client_secret,
                    refresh_token=options.refresh_token,
                    folder=Path(scratch),
                    record="all",
                )
                with tape:
                    try:
                        # Betamax keeps one of two equal requests: only a rotation gives two.
                        for _ in range(2 if changes else 1):
                            client.fetch()
                    except ConfigurationError as error:
                        print(f"{name}: {error}")
                raw = (Path(scratch) / f"{name}.json").read_text(encoding="utf-8")
                text = playing.redacted(raw, {sandbox.accounts: playing.BASE_URL, **secrets})
                (playing.CASSETTES / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
