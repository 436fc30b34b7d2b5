"""Model recipes and corpora."""
