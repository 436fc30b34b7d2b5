"""What a decision ships, as a folder that proves it: the gated bytes, the numbers, what they were made from."""
