"""A tenant's model: which action helps whom, in formulas. No SQL, no tenant."""
