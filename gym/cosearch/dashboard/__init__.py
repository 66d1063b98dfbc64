"""The live page of a store: what studies find while they run, with the report's own figures.

`serving` binds and runs the server, `app` answers the page, `watching` reads the store, `views` says what the
page shows, `wishes` takes designs for studies. The page is `dashboard.js` with the report's `page.js`.
"""
