"""Staff pages of what integrations become: revisions compared, roll-outs followed and taken back."""
