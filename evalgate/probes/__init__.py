"""Validity checks on a dozen dev items: does the backend do to every system what the comparison supposes?"""
