"""The claims of every formulation that ships."""
