"""Many at once: the population of periods, the cluster of stars, and simulated ones of both."""
