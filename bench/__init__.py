"""Benchmarks: measure the bot side by side with its alternatives.

`python -m bench` (or `make bench`) runs them on this machine and writes docs/performance.md. The
bot does not import this package, and the wheel does not contain it.
"""
