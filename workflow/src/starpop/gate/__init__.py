"""From any table of a user's to visits or stars used, and rows that are not, each with its reason."""
