"""An app whose migrations want locks that somebody holds."""
