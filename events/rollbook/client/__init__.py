"""The client: talks to a server over HTTP; installs no database and no web server."""
