"""The database's side: URLs, connections, client programs, embedded servers, SQL files. Knows no pytest."""
