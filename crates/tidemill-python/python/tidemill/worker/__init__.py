"""What runs in worker processes. Nothing here imports the engine."""
