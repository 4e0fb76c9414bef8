"""MLflow's client for an SQLite store, without the two seconds that importing MLflow takes."""
