#!/usr/bin/env bash
# 10 MiB up and 10 MiB down arrive whole while 50 small requests run on the
# same connection, over HTTP/1.1 and over h2c behind.
. "$(dirname "$0")/lib.sh"

# together UP DOWN SMALL: paths; one connection for all of it. The large ones
# are held to 10 MiB/s, so that all small ones are done before either.
together() {
	local i
	{
		printf 'url = "%s%s"\nupload-file = "%s"\noutput = "up.out"\n' \
			"$URL" "$1" "$WWW/10m"
		printf 'limit-rate = 10M\n'
		printf 'next\nurl = "%s%s"\noutput = "down.out"\n' "$URL" "$2"
		printf 'limit-rate = 10M\n'
		for i in {1..50}; do
			printf 'next\nurl = "%s%s"\noutput = "small.%d"\n' "$URL" "$3" "$i"
		done
	} | awk -v cert="$CERT" '
		function each() {
			print "cacert = \"" cert "\"\nhttp2\nsilent\nshow-error"
			print "write-out = \"%{http_code} %{local_port} %{filename_effective}\\n\""
		}
		NR == 1 { each() } { print } $1 == "next" { each() }' >together.curl
	rm -f up.out down.out small.*
	timeout 60 curl --no-progress-meter --parallel --parallel-max 60 -K together.curl >codes
	is "$(wc -l <codes)" 52 "answers"
	is "$(cut -d' ' -f1 codes | sort -u)" 200 "statuses"
	is "$(cut -d' ' -f2 codes | sort -u | wc -l)" 1 "connections"
	has "$(tail -n 2 codes)" up.out
	has "$(tail -n 2 codes)" down.out
	for i in {1..50}; do
		cmp "small.$i" "$WWW/1k" || flunk "small answer $i differs"
	done
}

file 10m 10M
file 1k 1K
sum="$(sha256sum <"$WWW/10m" | cut -d' ' -f1)"

it "carries them to HTTP/1.1"
start_backend
start_nghttpd --echo-upload
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	route /sum h1
	route /bytes h1
	route / h2
	upstream h1 { server 127.0.0.1:$BACKEND_PORT }
	upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
together /sum "/bytes/$((10 << 20))" /1k
is "$(cat up.out)" "$sum $((10 << 20))" "what arrived"
is "$(sha256sum <down.out)" \
	"$(curl -sS "http://127.0.0.1:$BACKEND_PORT/bytes/$((10 << 20))" | sha256sum)"

it "carries them to h2c"
together /echo /10m /1k
cmp down.out "$WWW/10m" || flunk "what came down differs"
cmp up.out "$WWW/10m" || flunk "what came back differs"

it "carries a body of unknown length, both ways"
is "$(get /sum -T - <"$WWW/10m")" "$sum $((10 << 20))"
is "$(get /sum -T - --http1.1 <"$WWW/10m")" "$sum $((10 << 20))"
