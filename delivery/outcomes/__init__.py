"""What came of actions, reported by the tenant, by its partner, at an action's own URL or in a receiver's answer."""
