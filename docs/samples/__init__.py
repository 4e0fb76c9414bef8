"""Sample numbers for every sentence of `lrlab.report.text`, and sentences found in the source."""
