"""What every connector needs: a request is read, its messages are translated one by one and tracked."""
