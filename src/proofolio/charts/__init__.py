"""The one engine for charts: colours by name, the style, figures as inline SVG for pages or as pictures of their own.

Below everything that draws, so that an audit shows itself in a notebook with the picture that is on its page.
"""
