"""Here so that test modules may import the fixture builders of this folder."""
