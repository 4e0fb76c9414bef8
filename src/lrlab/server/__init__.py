"""The team server: MLflow with bulk ingestion, sweeps as a service, and what runs them."""
