#!/usr/bin/env bash
# What the server is told of the client, and what is only for the next hop.
. "$(dirname "$0")/lib.sh"

start_backend
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate

it "tells the server the client's address, scheme and host"
got=$(get /request -H 'Host: www.example.com' | tr 'A-Z' 'a-z')
has "$got" "x-forwarded-for: 127.0.0.1"
has "$got" "x-forwarded-proto: https"
has "$got" "x-forwarded-host: www.example.com"
has "$got" "host: www.example.com"
has "$got" "via: 2"
has "$(plain /request | tr 'A-Z' 'a-z')" "x-forwarded-proto: http
"
has "$(plain /request | tr 'A-Z' 'a-z')" "via: 1.1"

it "believes no client that says so itself"
got=$(get /request -H 'X-Forwarded-For: 9.9.9.9' -H 'X-Forwarded-Proto: gopher')
has_not "$got" 9.9.9.9
has_not "$got" gopher

it "passes a client's own fields, twice the same ones too"
got=$(get /request -H 'X-Mine: one' -H 'X-Mine: two' -H 'Cookie: a=1' | tr 'A-Z' 'a-z')
has "$got" "x-mine: one"
has "$got" "x-mine: two"
has "$got" "cookie: a=1"

it "keeps hop-by-hop fields of the request to itself"
got=$(plain /request -H 'Connection: X-Secret, keep-alive' -H 'X-Secret: s' \
	-H 'Keep-Alive: timeout=9' -H 'TE: gzip' -H 'Proxy-Connection: close' \
	-H 'Upgrade: websocket' | tr 'A-Z' 'a-z')
for field in x-secret keep-alive: proxy-connection te: upgrade; do
	has_not "$got" "$field"
done

it "keeps hop-by-hop fields of the answer to itself"
got=$(get /hop -i | tr 'A-Z' 'a-z')
has "$got" "x-public: yes"
for field in x-private keep-alive: connection: upgrade:; do
	has_not "$got" "$field"
done

it "adds itself to Via in the answer"
has "$(get /name -i | tr 'A-Z' 'a-z')" "via: 1.1 heapgate"

it "keeps what a trusted client says, if told to"
echo 'forwarded trust' >>"$CONF"
stop "$HG"
start_heapgate
has "$(get /request -H 'X-Forwarded-For: 9.9.9.9')" "9.9.9.9, 127.0.0.1"

it "tells the server nothing of the client, if told to"
sed -i 's/^forwarded trust/forwarded drop\nvia off/' "$CONF"
stop "$HG"
start_heapgate
got=$(get /request -H 'X-Forwarded-For: 9.9.9.9' -H 'Forwarded: for=9.9.9.9' \
	-H 'X-Other: stays' | tr 'A-Z' 'a-z')
has "$got" "x-other: stays"
for field in 9.9.9.9 x-forwarded via:; do
	has_not "$got" "$field"
done
has_not "$(get /name -i | tr 'A-Z' 'a-z')" "via:"
