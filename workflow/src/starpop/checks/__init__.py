"""Whether to believe it: certificate, calibration, recovery, criticism, comparison, diagnostics, flags."""
