"""What the house needs of the world: protocols, and nothing else."""
