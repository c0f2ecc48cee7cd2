#!/usr/bin/env bash
# The upstream is chosen by host, then by the longest prefix of the path.
. "$(dirname "$0")/lib.sh"

declare -A port
for name in root api deep host wild; do
	start_backend --name $name
	port[$name]=$BACKEND_PORT
done
ports
cert
conf <<-CONF
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	workers 1
	route / root
	route /api api
	route /api/deep deep
	route host=www.example.com / host
	route host=*.example.com / wild
	upstream root { server 127.0.0.1:${port[root]} }
	upstream api { server 127.0.0.1:${port[api]} }
	upstream deep { server 127.0.0.1:${port[deep]} }
	upstream host { server 127.0.0.1:${port[host]} }
	upstream wild { server 127.0.0.1:${port[wild]} }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
# goes PATH HOST NAME
goes() {
	local got
	for version in --http2 --http1.1; do
		got=$(curl -sSk $version -o /dev/null -D - "$URL$1" -H "Host: $2" |
			sed -nE 's/^x-server: ([a-z]*).*/\1/p')
		is "$got" "$3" "$2$1 went to"
	done
}

it "takes the longest prefix"
goes / localhost root
goes /x localhost root
goes /api localhost api
goes /api/x localhost api
goes /api/deep/x localhost deep
it "ends a prefix at a slash"
goes /apix localhost root
it "takes the host first, in any case and with a port"
goes /api www.example.com host
goes / WWW.EXAMPLE.COM:8443 host
goes / other.example.com wild
goes / example.com root

it "answers 404 where no route leads"
sed -i '/route \/ root/d' "$CONF"
stop "$HG"
start_heapgate
is "$(get / -o /dev/null -w '%{http_code}')" 404
