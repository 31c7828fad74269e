"""Benchmarks: `python -m bench [name…]`, each figure beside a yardstick from the same run."""
