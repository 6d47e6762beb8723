"""How Retivo is run: releases side by side, code that changes under load, backups, and the files in `deploy/`."""
