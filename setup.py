"""Packages for a wheel or an egg (`scrapyd-deploy`); all else is in `pyproject.toml`."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["runclub_spider*", "runclub_sandbox*"]),
        "runclub_spider.seeds",
    ],
    # At the top of the project for whoever edits them, in the package where there is no project.
    package_dir={"runclub_spider.seeds": "seeds"},
    zip_safe=False,
)
