"""A table's rows: their classes, which are used, and which train, validate and test."""
