"""Reports of keys that were found in a public place."""
