"""Users' scores and lifecycle stages, computed from their events in SQL."""
