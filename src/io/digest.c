#include "io/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

int digest_sha1_base64(struct str a, struct str b, char to[DIGEST_SHA1_BASE64_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
		 EVP_DigestUpdate(ctx, a.p, a.len) == 1 &&
		 EVP_DigestUpdate(ctx, b.p, b.len) == 1 &&
		 EVP_DigestFinal_ex(ctx, sum, &len) == 1;

	EVP_MD_CTX_free(ctx);
	if (!ok)
		return -1;
	EVP_EncodeBlock((unsigned char *)to, sum, (int)len);
	return 0;
}

int digest_nonce(char to[DIGEST_NONCE_BYTES])
{
	unsigned char bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)to, bytes, sizeof(bytes));
	return 0;
}
