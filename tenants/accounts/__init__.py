"""Staff accounts: Django's users and groups, and what each group may do."""
