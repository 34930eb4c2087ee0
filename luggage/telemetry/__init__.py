"""Telemetry: log lines, crash reports, counters and timers."""
