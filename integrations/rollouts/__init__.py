"""Moving customers to a revision in stages, and sharing an integration with all of them: the rows are the jobs."""
