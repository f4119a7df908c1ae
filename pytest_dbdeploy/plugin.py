"""pytest hooks only: each calls one function elsewhere."""
