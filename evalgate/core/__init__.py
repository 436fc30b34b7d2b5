"""The types, protocols and small doors that every stage shares. Imports nothing of evalgate's and nothing heavy."""
