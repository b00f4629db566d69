"""Reports: self-contained HTML pages with charts as inline SVG, and the demo that fills one."""
