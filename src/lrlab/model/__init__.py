"""The model of a sweep: what is logged, served and predicted with."""
