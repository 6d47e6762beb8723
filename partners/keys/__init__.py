"""Keys of a partner and of its customers."""
