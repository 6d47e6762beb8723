"""A tenant's end users, as the API shows and changes them; it calls them customers."""
