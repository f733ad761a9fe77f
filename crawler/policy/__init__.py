"""Decisions: pure and synchronous, without a clock, I/O or state of the outside.

Time comes in as an argument (seconds of a monotonic clock), so every rule can be
tested by a table.
"""
