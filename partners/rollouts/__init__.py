"""Roll-outs of revisions to a partner's customers, and the job that carries them out."""
