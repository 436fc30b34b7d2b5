"""What is measured of one answer, and how many answers make one number."""
