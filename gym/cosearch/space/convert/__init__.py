"""How other libraries see a design space: one module for each library, named after it."""
