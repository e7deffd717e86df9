"""The report of a run: one HTML file with everything in it, for a person to read."""
