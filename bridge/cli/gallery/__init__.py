"""Recipes: rules with their templates and stories, ready to be written into a folder in three languages."""
