"""How many held-out examples a suite's gates need, and what the present number can show; before anything is run."""
