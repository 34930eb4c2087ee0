"""Registration of the GitHub App: the request, the exchange of the code, the sealed secrets."""
