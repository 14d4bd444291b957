"""Posts what it reads, with http.client: upload.py HOST:PORT PATH. Prints the status and the body."""

import http.client
import sys

host, path = sys.argv[1:]
body = sys.stdin.buffer.read()
connection = http.client.HTTPConnection(host, timeout=60)
connection.request("POST", path, body=body)
response = connection.getresponse()
print(response.status, response.read().decode())
