#include "hybrid_parts.h"

/*
 * Steps are about an eighth to a quarter, finer where the libraries ask a lot.
 * Sizes of 16n bytes get cells aligned to 16; 24, 40, 56 and 152 to 8,
 * which is all that an object of such a size can need.
 */
const struct hybrid_class hybrid_classes[] = {
	{16, 2, "OpenSSL's small change; a free cell needs two words"},
	{24, 2, "ASN1_STRING, list nodes"},
	{32, 2, "stack and hash nodes"},
	{40, 2, "OpenSSL, once or twice for each request"},
	{48, 2, "step"},
	{56, 7, "OpenSSL's locks (pthread_rwlock_t), six for each connection"},
	{64, 2, "hash buckets, small strings"},
	{80, 4, "step"},
	{96, 4, "step"},
	{112, 4, "step"},
	{128, 4, "power of two"},
	{144, 4, "step; keeps multiples of 16 out of the next"},
	{152, 4, "step; what nghttp2's sessions queue"},
	{176, 4, "step; nghttp2's header blocks of 175 bytes"},
	{192, 3, "OpenSSL, two of 184 for each connection"},
	{224, 4, "OpenSSL, 216 a dozen times for each connection; nghttp2_stream"},
	{240, 4, "struct back_h1"},
	{256, 4, "libevent, power of two"},
	{288, 4, "step"},
	{352, 4, "struct conn"},
	{384, 6, "step"},
	{448, 7, "step"},
	{512, 8, "libevent, power of two"},
	{544, 4, "OpenSSL, 536 for each connection"},
	{640, 5, "struct front_h2"},
	{768, 6, "step"},
	{896, 7, "step"},
	{928, 5, "struct stream; SSL_SESSION"},
	{960, 4, "OpenSSL's cipher contexts, two for each connection"},
	{1024, 8, "first chunk of a stream's arena; nghttp2 maps"},
	{1280, 10, "step"},
	{1536, 12, "step"},
	{1792, 14, "step"},
	{2048, 16, "libevent, power of two"},
	{2560, 10, "step"},
	{2944, 13, "step; nghttp2_session of 2,928"},
	{3584, 14, "step"},
	{4096, 32, "HPACK's tables of a connection; libevent, pool chunks"},
	{5120, 20, "step"},
	{6144, 24, "step"},
	{7168, 28, "step"},
	{8192, 32, "OpenSSL's SSL, on two pages; libevent"},
	{10240, 20, "step"},
	{12288, 24, "step"},
	{14336, 28, "step"},
	{16384, 64, "arena chunks, power of two"},
	{16960, 58, "16,896 and a line, lest they share sets of the cache: OpenSSL"},
	{20480, 20, "step"},
	{21888, 27, "OpenSSL, 21,848 for the messages of a handshake"},
	{24576, 24, "step"},
	{28672, 28, "step"},
	{32768, 32, "libevent, power of two"},
};
const unsigned int hybrid_n_classes = sizeof(hybrid_classes) / sizeof(*hybrid_classes);

void hybrid_class_init(void)
{
	unsigned int cls = 0;

	for (unsigned int i = 0; i <= HY_LIST_MAX; i++) {
		while (hybrid_classes[cls].cell_bytes < i)
			cls++;
		hybrid.list_class[i] = (uint8_t)cls;
	}
	for (unsigned int i = 0; i < HY_CELL_MAX / HY_STEP; i++) {
		while (hybrid_classes[cls].cell_bytes < (i + 1) * HY_STEP)
			cls++;
		hybrid.mask_class[i] = (uint8_t)cls;
	}
}
