"""What a partner's customers use, and of what of it the partner wants to hear."""
