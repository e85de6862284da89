"""What `criticism` measures of a system's visits, and from where on it is significant."""

from __future__ import annotations

# Each statistic with the visits that it needs beyond one for every parameter; offsets one more for every instrument.
NEEDED = {
    "misfit": 1,
    "outlier": 2,
    "harmonic": 3,
    "trend": 2,
    "correlation": 2,
    "second_period": 4,
    "zero_points": 1,
}
STATISTICS = tuple(NEEDED)
# Those that came later stand after what others may read by its place.
FIRST = STATISTICS[:5]
EXCESSES = ("correlation", "second_period", "zero_points")
# Of a right model, one system in a hundred is flagged by each test: few enough to look at.
SIGNIFICANT_P = 0.01
# Standard deviations that an excess lies beyond the replicates: by chance one in 1000.
SIGNIFICANT_EXCESS = 3.5
