"""One client cannot hurt another: a real server, a table of attacks, and what each of them costs all others."""
