"""The bench: what the bot costs, measured side by side with what people would use instead.

`python -m bench` (or `make bench`) measures on this machine and writes docs/performance.md. It is
no part of the bot: nothing imports it, and it is not in the wheel.
"""
