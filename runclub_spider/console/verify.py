"""What `scrapy verify` prints and how it ends."""

from __future__ import annotations

from pathlib import Path

from runclub_spider.errors import ConfigurationError, GateFailed
from runclub_spider.publish.verify import summarise, verify_release


def verify(name: str) -> int:
    """Check the release in a folder; 0 when it is sound, 3 when it is not.

    Raises:
        ConfigurationError: there is no such folder, or it cannot be read.
    """
    try:
        directory = Path(name)
        if not directory.is_dir():
            told = "is no folder" if directory.exists() else "does not exist"
            raise ConfigurationError(f"{name!r} {told}")
        problems = verify_release(directory)
        if not problems:
            print(summarise(directory))
            return 0
    except (OSError, ValueError) as error:
        # Path calls raise ValueError for a name no file can have.
        raise ConfigurationError(f"cannot read {name!r}: {error}") from None
    for problem in problems:
        print(problem)
    count = sum(problem.count for problem in problems)
    print(f"{count} problem{'' if count == 1 else 's'} in {str(directory)!r}")
    return GateFailed.exit_code
