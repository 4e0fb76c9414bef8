"""A Dask cluster as workers."""
