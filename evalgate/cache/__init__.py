"""What was answered before, shared by all runs of a project: the same question to the same weights is asked once."""
