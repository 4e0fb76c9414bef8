"""Who trains fused groups besides this process: processes here, or a cluster."""
