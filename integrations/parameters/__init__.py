"""The parameters of actions, the schemas that tenants and partners write for them, and checking one by the other."""
