"""The contest of `make simulate`: policies decide for the same users, with the same luck, in several worlds."""
