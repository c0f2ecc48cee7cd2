#!/usr/bin/env bash
# A client is answered by a server behind, in every protocol that a listener
# speaks.
. "$(dirname "$0")/lib.sh"

start_backend
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate

it "answers over TLS HTTP/2"
is "$(get /name)" backend
is "$(get /name -o /dev/null -w '%{http_version} %{http_code}')" "2 200"

it "answers over TLS HTTP/1.1"
is "$(get /name --http1.1 -w '%{http_version} %{http_code}')" "backend
1.1 200"

it "answers over TLS 1.2 as well"
is "$(get /name --tls-max 1.2)" backend

it "answers in cleartext: HTTP/1.1, HTTP/1.0, and HTTP/2 by prior knowledge"
is "$(plain /name)" backend
is "$(plain /name --http1.0)" backend
is "$(plain /name --http2-prior-knowledge -w '%{http_version}')" "backend
2"

it "passes statuses on, and methods without a body"
for code in 200 204 301 304 404 500; do
	is "$(get /status/$code -o /dev/null -w '%{http_code}')" $code
done
is "$(get /bytes/1000 -I -o /dev/null -w '%{http_code} %{size_download}')" "200 0"

it "keeps one connection for many requests, in front and behind"
before=$(plain /conns)
is "$(get "/status/200?[1-20]" -o /dev/null -w '%{num_connects}')" \
	"1$(printf '0%.0s' {1..19})"
at_most "$(plain /conns)" $((before + 1)) "connections to the server"

it "says who it is in Via"
has "$(get /name -I | tr 'A-Z' 'a-z')" "via:"

it "ends on SIGTERM with 0 and listens no more"
code=0
stop "$HG" || code=$?
is $code 0 "exit code"
fails listening "$PORT"
fails listening "$METRICS"
