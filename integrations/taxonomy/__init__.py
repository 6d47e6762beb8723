"""The public list of kinds of actions, and which of them an action type is likely to be."""
