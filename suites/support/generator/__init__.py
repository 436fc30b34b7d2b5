"""Seeded generator of the `support` suite: the desk of a fictional shop, written by us from grammars."""
