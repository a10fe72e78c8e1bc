"""Where batches of deliveries run."""
