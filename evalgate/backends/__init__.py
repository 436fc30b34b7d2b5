"""What generates and scores text."""
