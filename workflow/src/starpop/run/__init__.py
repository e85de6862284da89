"""What any run stands on: errors, files, settings, seeds, and what a job writes."""
