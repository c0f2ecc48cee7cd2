/*
 * Words that header blocks are made of, and how they are written.
 */
#ifndef HEAPGATE_FUZZ_H2_FIELDS_H
#define HEAPGATE_FUZZ_H2_FIELDS_H

#include "h2_octets.h"

static const char *const field_words[][2] = {
	{":path", "/"},
	{":path", "/b"},
	{":path", "/t"},
	{":path", "/s"},
	{":path", "/l"},
	{":path", "/i"},
	{":path", "/k"},
	{":path", "/x"},
	{":path", "*"},
	{":path", "x"},
	{":path", ""},
	{":path", "/a b"},
	{":path", "/\xc3\xa9"},
	{":path", "/a#b"},
	{":method", "GET"},
	{":method", "POST"},
	{":method", "HEAD"},
	{":method", "OPTIONS"},
	{":method", "CONNECT"},
	{":method", "ODD"},
	{":method", ""},
	{":method", "G T"},
	{":scheme", "http"},
	{":scheme", "HTTPS"},
	{":scheme", "ftp"},
	{":scheme", ""},
	{":scheme", "1a"},
	{":authority", "x"},
	{":authority", ""},
	{":authority", "u@x:1"},
	{":authority", "x y"},
	{":authority", "[::1]:80"},
	{":protocol", "websocket"},
	{":protocol", ""},
	{":status", "200"},
	{":odd", "1"},
	{":", "1"},
	{"host", "x"},
	{"host", "y"},
	{"host", ""},
	{"content-length", "0"},
	{"content-length", "4"},
	{"content-length", "300"},
	{"content-length", "4, 4"},
	{"content-length", "-1"},
	{"content-length", "+4"},
	{"content-length", "18446744073709551620"},
	{"content-length", "9223372036854775808"},
	{"content-length", ""},
	{"te", "trailers"},
	{"te", "gzip"},
	{"te", "Trailers"},
	{"connection", "close"},
	{"keep-alive", "1"},
	{"proxy-connection", "x"},
	{"transfer-encoding", "chunked"},
	{"upgrade", "h2c"},
	{"Upper", "1"},
	{"", "1"},
	{"a b", "1"},
	{"a:b", "1"},
	{"a\xff", "1"},
	{"x", "a\nb"},
	{"x", "a\rb"},
	{"x", " a"},
	{"x", "a "},
	{"x", "\t"},
	{"x", "a\x7f"},
	{"x", "a\x01"},
	{"x", "\x80\xff"},
	{"cookie", "a=b"},
	{"cookie", "c=d"},
	{"priority", "u=1, i"},
	{"priority", "u=9"},
	{"expect", "100-continue"},
	{"x-long", "0123456789012345678901234567890123456789012345678901234567890123"},
	{":status", "100"},
	{":status", "103"},
	{":status", "101"},
	{":status", "204"},
	{":status", "304"},
	{":status", "20"},
	{":status", "999"},
};

#define N_FIELD_WORDS (sizeof(field_words) / sizeof(field_words[0]))

static void field_string(struct octets *t, const char *s)
{
	uint8_t len = (uint8_t)strlen(s); /* < 127, not Huffman-coded */

	octets_add(t, &len, 1);
	octets_add(t, s, len);
}

/* RFC 7541 §6.2. how: 0x00, 0x10 (never indexed), 0x40 (put into the table). */
static void field_add(struct octets *t, unsigned int which, uint8_t how)
{
	octets_add(t, &how, 1);
	field_string(t, field_words[which % N_FIELD_WORDS][0]);
	field_string(t, field_words[which % N_FIELD_WORDS][1]);
}

#endif
