"""What is counted and timed, in each process by itself; `retivo.sight.exposition` shows it."""
