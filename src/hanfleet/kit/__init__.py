"""Small mechanisms without a word of the fleet's own: time, chance, waiting, logging, loading by name."""
