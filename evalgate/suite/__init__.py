"""The data that decides: read strictly, frozen by digest, refused when it has changed."""
