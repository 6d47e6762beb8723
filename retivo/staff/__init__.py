"""What all staff pages share; knows no room."""
