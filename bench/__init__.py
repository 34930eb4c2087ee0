"""Benchmarks of the bot and its alternatives: `make bench` writes docs/performance.md."""
