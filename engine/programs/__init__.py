"""Replay: what a function did, op by op, as a program that runs natively, bit for bit the same."""
