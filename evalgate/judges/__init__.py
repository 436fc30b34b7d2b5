"""A model as judge: what it is asked, what its replies mean, what people said of the same answers."""
