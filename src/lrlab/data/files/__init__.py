"""A table's file: how it is written, and what it holds, as a frame."""
