"""What a decision ships, made into a folder that proves it: the gated bytes, the numbers, and what they were made from."""
