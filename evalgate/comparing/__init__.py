"""`evalgate compare`: two recordings of any kind, paired by item, judged as a gate judges, reported as a run is."""
