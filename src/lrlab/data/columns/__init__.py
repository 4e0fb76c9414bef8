"""A table's columns: what each is, and which are used."""
