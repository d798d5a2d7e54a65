-- PostgreSQL has a second fence from here on; SQLite knows none. The numbers of both go together.
SELECT 1;
