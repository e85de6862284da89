"""The report of a run: one HTML file to pass on, which works offline and loads nothing from elsewhere.

`contents` and `systems` say what stands in it, as plain values; `page` makes HTML of them, with page.html, page.css
and page.js beside it, and the libraries that draw charts (Vega-Lite) and sort tables (DataTables) inside.
"""
